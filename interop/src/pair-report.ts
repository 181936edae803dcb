/** What aioice-pair.py and chromium-program.ts print. */

export interface PairReport {
  readonly sent: number;
  readonly received: number;
  /** The kinds of the selected pair's candidates, at the one agent and at the other: "host/relay". */
  readonly pairs: readonly [string, string];
}

/** `undefined` when no connection came about. */
export function pairReport(output: string): PairReport | undefined {
  const line = output.split("\n").find((text) => text.startsWith('{"sent"'));
  if (line === undefined) return undefined;
  const report: PairReport = JSON.parse(line);
  return report;
}
