/** Guards this project's own invariants, in production too. Never used on bytes from the network. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${message}`);
}

/** For the end of a switch over a closed union: the compiler proves that it cannot be reached. */
export function unreachable(value: never): never {
  throw new Error(`broken invariant: unexpected ${String(value)}`);
}
