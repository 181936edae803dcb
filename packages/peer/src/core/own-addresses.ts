/** This machine's own addresses: the candidates that they make, and which addresses named by others are near. */
import { type Address, addressScope, prefixKey, sameAddress, sameIp, withPort } from "@fractal-punch/machine";
import { type Candidate, maxCandidates, type NatMapping, type NatProfile } from "@fractal-punch/wire";
import type { InterfaceAddress } from "./events.ts";
import type { ServerLink } from "./server-link.ts";

export class OwnAddresses {
  interfaces: readonly InterfaceAddress[] = [];

  /** Server-reflexive ones first, since most pairs meet there; at most eight. */
  candidates(links: Iterable<ServerLink>): Candidate[] {
    const reflexive: Candidate[] = [];
    const host: Candidate[] = [];
    for (const link of links) {
      if (link.mapped && !link.blocked) reflexive.push({ kind: "server-reflexive", address: link.mapped });
      const { local } = link;
      if (!local) continue;
      for (const { address } of this.interfaces) {
        const named = withPort(address, local.port);
        if (address.family === link.family && !isKnown(reflexive, named)) host.push({ kind: "host", address: named });
      }
    }
    return [...reflexive, ...host].slice(0, maxCandidates);
  }

  profile(links: Iterable<ServerLink>): NatProfile {
    const mapping: { v4: NatMapping; v6: NatMapping } = { v4: "unknown", v6: "unknown" };
    for (const link of links) mapping[link.family === 4 ? "v4" : "v6"] = link.mapping(this.interfaces);
    return mapping;
  }

  /** The address that a socket bound to all most likely sends from, for people: the one in the remote's subnet, or the first. */
  towards(remote: Address, port: number): Address | undefined {
    const own = this.interfaces.filter(({ address }) => address.family === remote.family);
    const near = own.find((each) => inSubnet(remote, each));
    const chosen = (near ?? own[0])?.address;
    return chosen && withPort(chosen, port);
  }

  /**
   * Whether an address that a peer named may be probed before that peer has shown itself: only when it is private or
   * link-local in a subnet of ours, or equal in IP (IPv6: in /64) to one that the server saw.
   */
  isNear(address: Address, serverSeen: readonly Address[]): boolean {
    if (serverSeen.some((seen) => sameNetwork(seen, address))) return true;
    const scope = addressScope(address);
    if (scope !== "private" && scope !== "link-local" && scope !== "shared") return false;
    return this.interfaces.some((own) => inSubnet(address, own));
  }
}

/** Whether a peer may name it at all: nothing of this machine itself, and no group. */
export function mayBeNamed(address: Address): boolean {
  const scope = addressScope(address);
  return scope !== "loopback" && scope !== "unspecified" && scope !== "multicast";
}

function inSubnet(address: Address, own: InterfaceAddress): boolean {
  if (address.family !== own.address.family) return false;
  return prefixKey(address, own.prefixBits) === prefixKey(own.address, own.prefixBits);
}

function sameNetwork(a: Address, b: Address): boolean {
  if (a.family !== b.family) return false;
  return a.family === 4 ? sameIp(a, b) : prefixKey(a, 64) === prefixKey(b, 64);
}

function isKnown(candidates: readonly Candidate[], address: Address): boolean {
  return candidates.some((candidate) => sameAddress(candidate.address, address));
}
