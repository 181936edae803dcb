/** Warnings about something that may happen thousands of times a second. */
const againAfterMs = 60_000;

/** `kind` names what is warned of; each kind is said at most once a minute. */
export type Warn = (kind: string, message: string) => void;

export function limitedWarnings(say: (message: string) => void): Warn {
  const saidAtMs = new Map<string, number>();
  return (kind, message) => {
    const now = performance.now();
    if (now - (saidAtMs.get(kind) ?? -againAfterMs) < againAfterMs) return;
    saidAtMs.set(kind, now);
    say(message);
  };
}
