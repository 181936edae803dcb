/** What aioice-pair.py prints. */

export interface PairReport {
  readonly sent: number;
  readonly received: number;
  /** The kinds of the selected pair's candidates, at the one agent and at the other: "host/relay". */
  readonly pairs: readonly [string, string];
  /** Of the candidates that both agents gathered. */
  readonly gathered: readonly string[];
}

/** `undefined` when no connection came about. */
export function pairReport(output: string): PairReport | undefined {
  const line = output.split("\n").find((text) => text.startsWith('{"sent"'));
  if (line === undefined) return undefined;
  const report: PairReport = JSON.parse(line);
  return report;
}
