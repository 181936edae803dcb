/** What stun-client-program.ts prints. Addresses with ports, as text. */

export interface ClientReport {
  readonly local: string;
  readonly mapped?: string;
  readonly relayed?: string;
  readonly code?: number | undefined;
  readonly hasFingerprint: boolean;
  readonly hasIntegrity: boolean;
}

/** `undefined` when it was not answered. */
export function clientReport(output: string): ClientReport | undefined {
  const line = output.split("\n").find((text) => text.startsWith('{"local"'));
  if (line === undefined) return undefined;
  const report: ClientReport = JSON.parse(line);
  return report;
}
