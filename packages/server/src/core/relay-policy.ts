/**
 * Who may be relayed to: a TURN server sends in its client's stead from within its own network, and may restrict where
 * (RFC 8656 sections 10.2, 12.2 and 21.4).
 */
import type { Address, Address4, Address6 } from "@fractal-punch/machine";
import { type Network, NetworkMap } from "./networks.ts";
import { type SpecialWord, specialWord } from "./special-networks.ts";

/** Why a peer is refused. */
export type RefusalWord =
  | SpecialWord
  | "port-0"
  /** An address of this server. */
  | "own"
  /** By the operator's list. */
  | "denied";

export interface RelayLists {
  /** Opens what is refused by default, but for what `RelayPolicy` never opens. */
  readonly allow: readonly Network[];
  /** Goes before `allow`. */
  readonly deny: readonly Network[];
  /** Addresses at which this server is reached; their ports do not matter. */
  readonly own: readonly Address[];
}

/**
 * Refused whatever is allowed. No host is there, or one that trusts this machine as it trusts no other: who allows
 * 100.64.0.0/10 means a VPN, not a cloud's metadata. To tunnels a server must not relay (RFC 8656 section 21.4).
 */
const neverOpened: ReadonlySet<SpecialWord> = new Set([
  "unspecified",
  "metadata",
  "multicast",
  "broadcast",
  "transition",
]);

export class RelayPolicy {
  readonly #allow: NetworkMap<true>;
  readonly #deny: NetworkMap<true>;
  readonly #own: Set<Address["ip"]> = new Set();

  constructor({ allow, deny, own }: RelayLists) {
    this.#allow = new NetworkMap(allow.map((network) => [network, true]));
    this.#deny = new NetworkMap(deny.map((network) => [network, true]));
    this.learnOwn(own);
  }

  /** Adds addresses of this server: those of its sockets and interfaces, and those that others know it by. */
  learnOwn(addresses: Iterable<Address>): void {
    for (const { ip } of addresses) this.#own.add(ip);
  }

  /**
   * Why the peer may not be relayed to; `undefined` when it may. "own" is said of live relay allocations too: the
   * caller looks for one first, by IP and port, and passes the data inside.
   * IPv4-mapped peers (::ffff:a.b.c.d) cannot be asked about: reading one gives no `Address`, and it is to be refused.
   */
  refusal(peer: Address): RefusalWord | undefined {
    return peer.port === 0 ? "port-0" : this.ipRefusal(peer);
  }

  /** As `refusal`, by the IP alone: for CreatePermission, whose ports mean nothing (RFC 8656 section 10.2). */
  ipRefusal(peer: Address): RefusalWord | undefined {
    const word = this.#judge(peer);
    if (word !== undefined || peer.family === 4) return word;
    const translated = translatedAddress(peer);
    return translated && this.#judge(translated);
  }

  #judge(address: Address): RefusalWord | undefined {
    if (this.#own.has(address.ip)) return "own";
    if (this.#deny.get(address)) return "denied";
    const word = specialWord(address);
    if (word === undefined || neverOpened.has(word)) return word;
    return this.#allow.get(address) ? undefined : word;
  }
}

const nat64Prefix = "\0\u0064\u00ff\u009b\0\0\0\0\0\0\0\0";
/** Of interface identifiers; the second is for public IPv4 addresses. */
const isatapPrefixes = ["\0\0\u005e\u00fe", "\u0002\0\u005e\u00fe"];

/** The IPv4 address at the end of one of NAT64 (64:ff9b::/96, RFC 6052), or of ISATAP in any network (RFC 5214). */
function translatedAddress({ ip, port }: Address6): Address4 | undefined {
  if (!ip.startsWith(nat64Prefix) && !isatapPrefixes.some((prefix) => ip.startsWith(prefix, 8))) return undefined;
  let bits = 0;
  for (let index = 12; index < 16; index++) bits = (bits << 8) | ip.charCodeAt(index);
  return { family: 4, ip: bits >>> 0, port };
}
