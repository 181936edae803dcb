import type { TestContext } from "node:test";

/** Deadlines of so many ms are reached when the test calls them; all others as ever. */
export function holdDeadlines({ mock }: TestContext, heldMs: number): (() => void)[] {
  const deadlines: (() => void)[] = [];
  const realTimeout = setTimeout;
  mock.method(globalThis, "setTimeout", (callback: () => void, delayMs: number) => {
    if (delayMs !== heldMs) return realTimeout(callback, delayMs);
    deadlines.push(callback);
    return realTimeout(() => {}, 0);
  });
  return deadlines;
}
