/** What turnutils_stunclient and turnutils_natdiscovery print. */

export interface DiscoveryReport {
  /** Addresses that the server saw requests come from, one for each response, in their order; IPv6 without brackets. */
  readonly mapped: readonly string[];
  /** RESPONSE-ORIGIN of each response. */
  readonly origins: readonly string[];
  /** OTHER-ADDRESS of each response. */
  readonly others: readonly string[];
  readonly responses: number;
  /** For example "Endpoint Independent Mapping". */
  readonly nat: string | undefined;
  readonly isHairpinning: boolean;
  readonly timeouts: number;
}

export function discoveryReport(output: string): DiscoveryReport {
  // The programs print the first line of each run of their log twice.
  const lines = output.split("\n").filter((line, index, all) => line !== all[index - 1]);
  const text = lines.join("\n");
  return {
    mapped: addresses(text, /UDP reflexive addr: (\S+)/g),
    origins: addresses(text, /Response origin: : (\S+)/g),
    others: addresses(text, /Other addr: : (\S+)/g),
    responses: [...text.matchAll(/^RFC 5780 response \d+$/gm)].length,
    nat: /^NAT with (.*)!$/m.exec(text)?.[1],
    isHairpinning: text.includes("maybe a successful hairpinning"),
    timeouts: [...text.matchAll(/^STUN receive timeout/gm)].length,
  };
}

function addresses(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, address]) => address ?? "");
}
