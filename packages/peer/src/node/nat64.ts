/** NAT64 as a client sees it: which IPv6 addresses stand for IPv4 ones (RFC 7050 to learn it, RFC 6052 for the form). */
import { type Address4, type Address6, addressFromBytes, addressFromIpText, ipBytes } from "@fractal-punch/machine";

const wellKnownName = "ipv4only.arpa";
/** 192.0.0.170 and 192.0.0.171, the only addresses that the name has. */
const wellKnownAddresses = ["192.0.0.170", "192.0.0.171"];
/** Where the IPv4 address's four bytes lie, for each length of prefix: byte 8 is always zero. */
const layouts = [
  [12, 13, 14, 15],
  [9, 10, 11, 12],
  [7, 9, 10, 11],
  [6, 7, 9, 10],
  [5, 6, 7, 9],
  [4, 5, 6, 7],
] as const;

/** The IPv6 addresses under which this network's NAT64 reaches these; none when it has no NAT64. Never rejects. */
export async function translated(
  addresses: readonly Address4[],
  lookup: (name: string) => Promise<readonly string[]>,
): Promise<Address6[]> {
  if (addresses.length === 0) return [];
  const answers = await lookup(wellKnownName).catch(() => []);
  for (const answer of answers) {
    const known = addressFromIpText(answer, 0);
    const layout = known?.family === 6 ? layouts.find((places) => isWellKnown(known, places)) : undefined;
    if (known?.family === 6 && layout !== undefined)
      return addresses.flatMap((address) => embedded(known, layout, address));
  }
  return [];
}

function isWellKnown(known: Address6, layout: readonly number[]): boolean {
  const bytes = ipBytes(known);
  return wellKnownAddresses.includes(layout.map((place) => bytes[place]).join("."));
}

/** The well-known address's prefix and suffix, with another IPv4 address in its place. */
function embedded(known: Address6, layout: readonly number[], address: Address4): Address6[] {
  const bytes = ipBytes(known);
  const ip = ipBytes(address);
  for (const [index, place] of layout.entries()) bytes[place] = ip[index] ?? 0;
  const result = addressFromBytes(bytes, address.port);
  return result?.family === 6 ? [result] : [];
}
