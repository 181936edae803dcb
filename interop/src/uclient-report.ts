/** What turnutils_uclient -v prints, as numbers. */

export interface UclientReport {
  readonly sent: number;
  readonly received: number;
  readonly receivedBytes: number;
  readonly lost: number;
  readonly dropped: number;
  /** As it writes them, with ports; IPv6 without brackets. */
  readonly relayedAddresses: readonly string[];
  /** The error responses that it names, as "508 (Server Full)". */
  readonly errors: readonly string[];
  /** It was given no allocation. */
  readonly isRefused: boolean;
}

/** `undefined` when the output has no totals at its end and no refusal: then the program did not finish. */
export function uclientReport(output: string): UclientReport | undefined {
  const messages = last(output, /tot_send_msgs=(\d+), tot_recv_msgs=(\d+)/g);
  const bytes = last(output, /tot_recv_bytes ~ (\d+)/g);
  const losses = last(output, /Total lost packets (\d+) .*total send dropped (\d+)/g);
  const errors = [...output.matchAll(/: error (\d+ \(.*\))/g)].map(([, error]) => error ?? "");
  const isRefused = losses === undefined && (errors.length > 0 || output.includes("ERROR: Cannot complete Allocation"));
  if (losses === undefined && !isRefused) return undefined;
  return {
    sent: Number(messages?.[1] ?? 0),
    received: Number(messages?.[2] ?? 0),
    receivedBytes: Number(bytes?.[1] ?? 0),
    lost: Number(losses?.[1] ?? 0),
    dropped: Number(losses?.[2] ?? 0),
    relayedAddresses: [...output.matchAll(/Received relay addr: (\S+)/g)].map(([, address]) => address ?? ""),
    errors,
    isRefused,
  };
}

function last(output: string, pattern: RegExp): RegExpMatchArray | undefined {
  return [...output.matchAll(pattern)].at(-1);
}
