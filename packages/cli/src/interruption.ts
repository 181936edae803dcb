/** SIGINT and SIGTERM: the first asks the command to end cleanly, a later one forces it. */

export const interruptedCode = 130;
/** Ctrl-C reaches a command that npm runs twice: from the terminal, and from npm. */
const sameKeyPressMs = 500;

export interface Interruption {
  readonly signal: AbortSignal;
  /** "SIGINT" or "SIGTERM", once one came. */
  readonly name: () => "SIGINT" | "SIGTERM" | undefined;
}

/** Listens from now on, for the rest of the process's life. */
export function watchInterruption(): Interruption {
  const controller = new AbortController();
  let first: { readonly name: "SIGINT" | "SIGTERM"; readonly atMs: number } | undefined;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (first === undefined) {
        first = { name, atMs: performance.now() };
        controller.abort();
      } else if (performance.now() - first.atMs > sameKeyPressMs) process.exit(interruptedCode);
    });
  }
  return { signal: controller.signal, name: () => first?.name };
}

/** What a command that runs until it is stopped ends with: SIGTERM is how services are stopped. */
export function stoppedCode(interruption: Interruption): number {
  return interruption.name() === "SIGINT" ? interruptedCode : 0;
}
