/**
 * What is no public host's address: IANA's special-purpose registries of IPv4 and IPv6 (RFC 6890, 8190; as of October
 * 2025), multicast, and where clouds answer questions of their machines.
 */
import { type Address, assert } from "@fractal-punch/machine";
import { type Network, NetworkMap, networkFromText } from "./networks.ts";

export type SpecialWord =
  | "unspecified"
  | "loopback"
  | "private"
  | "shared"
  | "link-local"
  /** Where a cloud tells a machine its credentials, or steers it. */
  | "metadata"
  | "multicast"
  | "broadcast"
  | "documentation"
  | "reserved"
  /** It leads through a tunnel or translator to an IPv4 address. Not said of NAT64's 64:ff9b::/96. */
  | "transition";

/** Why the address is no public host's; `undefined` when it may be one. */
export function specialWord(address: Address): SpecialWord | undefined {
  const word = specials.get(address);
  return word === "global" ? undefined : word;
}

/** Whether what is sent there may come back through a tunnel, to be sent there again (RFC 8656 section 21.4). */
export function isTunnel(address: Address): boolean {
  return specialWord(address) === "transition";
}

// Left out, because IANA calls them globally reachable: AS112 (192.31.196.0/24, 192.175.48.0/24, 2620:4f:8000::/48;
// RFC 7534, 7535) and AMT (192.52.193.0/24; RFC 7450). Those within 192.0.0.0/24 and 2001::/23 are refused with the
// rest of it: anycast that leads to the server's own gateway (PCP, TURN), and identifiers that are no hosts (ORCHID).
const ip4 = [
  ["0.0.0.0/8", "unspecified"], // RFC 791, 1122; Linux takes 0.0.0.0 for loopback
  ["10.0.0.0/8", "private"], // RFC 1918
  ["100.64.0.0/10", "shared"], // RFC 6598
  ["127.0.0.0/8", "loopback"], // RFC 1122
  ["169.254.0.0/16", "link-local"], // RFC 3927
  ["172.16.0.0/12", "private"], // RFC 1918
  ["192.0.0.0/24", "reserved"], // RFC 6890, 7335, 7600, 7723, 8155, 7050: protocol assignments
  ["192.0.2.0/24", "documentation"], // RFC 5737
  ["192.88.99.0/24", "reserved"], // RFC 7526, 6751: relays of 6to4 and 6a44
  ["192.168.0.0/16", "private"], // RFC 1918
  ["198.18.0.0/15", "reserved"], // RFC 2544: benchmarks
  ["198.51.100.0/24", "documentation"], // RFC 5737
  ["203.0.113.0/24", "documentation"], // RFC 5737
  ["224.0.0.0/4", "multicast"], // RFC 5771
  ["240.0.0.0/4", "reserved"], // RFC 1112
  ["255.255.255.255", "broadcast"], // RFC 919, 8190
] as const;

// IPv4-mapped addresses (::ffff:0:0/96, RFC 4291) need no entry: no `Address` is one.
const ip6 = [
  ["::/0", "reserved"], // RFC 4291; in it 100::/64, 100:0:0:1::/64, 5f00::/16 (RFC 6666, 9780, 9602)
  ["2000::/3", "global"], // RFC 4291
  ["::/96", "transition"], // RFC 4291: IPv4-compatible
  ["::", "unspecified"], // RFC 4291
  ["::1", "loopback"], // RFC 4291
  ["::ffff:0:0:0/96", "transition"], // RFC 2765: IPv4-translated
  ["64:ff9b::/96", "global"], // RFC 6052: NAT64
  ["64:ff9b:1::/48", "transition"], // RFC 8215: NAT64 of one network; where the IPv4 address lies is its secret
  ["2001::/23", "reserved"], // RFC 2928, 4843, 5180, 7343, 7450, 7535, 7723, 8155, 9374, 9665: protocol assignments
  ["2001::/32", "transition"], // RFC 4380: Teredo
  ["2001:db8::/32", "documentation"], // RFC 3849
  ["2002::/16", "transition"], // RFC 3056: 6to4
  ["3fff::/20", "documentation"], // RFC 9637
  ["fc00::/7", "private"], // RFC 4193
  ["fe80::/10", "link-local"], // RFC 4291
  ["fec0::/10", "private"], // RFC 3879: the site-local ones of old
  ["ff00::/8", "multicast"], // RFC 4291
] as const;

const metadata = [
  "169.254.169.254", // Amazon, Google, Azure, Oracle, OpenStack and most others
  "169.254.170.2", // Amazon ECS
  "169.254.170.23", // Amazon EKS
  "169.254.0.23", // Tencent
  "169.254.42.42", // Scaleway
  "100.100.100.200", // Alibaba
  "168.63.129.16", // Azure's WireServer: amid public addresses
  "192.0.0.192", // Oracle Classic
  "fd00:ec2::/32", // Amazon: metadata, EKS, names, time
  "fd20:ce::254", // Google
  "fd00:c1::a9fe:a9fe", // Oracle
  "fd00:42::42", // Scaleway
  "fd00:a9fe:a9fe::1", // Akamai
  "fd00:100::100:200", // Alibaba
  "fe80::a9fe:a9fe", // OpenStack, Akamai
];

const specials: NetworkMap<SpecialWord | "global"> = new NetworkMap<SpecialWord | "global">([
  ...[...ip4, ...ip6].map(([text, word]) => [knownNetwork(text), word] as const),
  ...metadata.map((text) => [knownNetwork(text), "metadata"] as const),
]);

function knownNetwork(text: string): Network {
  const network = networkFromText(text);
  assert(network !== undefined, `${text} is a network`);
  return network;
}
