/** What the old programs have in common: addresses as texts and in bytes, JSON lines, and an end in time. */

const timeLimitMs = 10_000;

/** From "192.0.2.1:7000". */
export function split(address: string): [ip: string, port: number] {
  const [ip = "", port = ""] = address.split(":");
  return [ip, Number(port)];
}

/** The four bytes of an IPv4 address at the start of `bytes`, as text. */
export function ipIn(bytes: Buffer): string {
  return bytes.subarray(0, 4).join(".");
}

export function ipBytes(ip: string): number[] {
  return ip.split(".").map(Number);
}

/** Until it is answered a program listens to the server only: the other end may be told first, and be quicker. */
export function isFrom(server: string, { address, port }: { address: string; port: number }): boolean {
  return server === `${address}:${port}`;
}

export function print(event: string, fields: Readonly<Record<string, unknown>> = {}): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

/** Ends the program. */
export function stop(event: string, code: number, reason?: string): never {
  print(event, { reason });
  process.exit(code);
}

/** Ends the program when nothing else has ended it before. */
export function limitTime(): void {
  setTimeout(() => stop("too-late", 1), timeLimitMs).unref();
}
