/** The routers that ends of a swarm's worlds are behind, by name, and what a direct path may be expected of them. */
import {
  fullCone,
  linuxHomeRouter,
  linuxMasquerade,
  portRestrictedCone,
  type RouterBehaviour,
  restrictedCone,
  symmetric,
  symmetricInBlock,
  symmetricSequential,
} from "../nat-behaviour.ts";

export interface NatKind {
  readonly behaviour: RouterBehaviour;
  /** One outside port for a socket, whatever the destination: DESIGN's "predictable mapping". */
  readonly cone: boolean;
  /** Lets any port of an address in that was sent to, so that even a symmetric NAT reaches it. */
  readonly open: boolean;
}

export type NatName =
  | "full cone"
  | "restricted cone"
  | "port-restricted cone"
  | "Linux home router"
  | "Linux that takes unasked datagrams"
  | "symmetric"
  | "sequential symmetric"
  | "symmetric in a block";

export const natKinds: Readonly<Record<NatName, NatKind>> = {
  "full cone": { behaviour: { ...fullCone, hairpin: "external-source" }, cone: true, open: true },
  "restricted cone": { behaviour: restrictedCone, cone: true, open: true },
  "port-restricted cone": { behaviour: portRestrictedCone, cone: true, open: false },
  "Linux home router": { behaviour: linuxHomeRouter, cone: true, open: false },
  "Linux that takes unasked datagrams": { behaviour: linuxMasquerade, cone: true, open: false },
  symmetric: { behaviour: symmetric, cone: false, open: false },
  "sequential symmetric": { behaviour: symmetricSequential, cone: false, open: false },
  "symmetric in a block": { behaviour: symmetricInBlock, cone: false, open: false },
};

export const natNames: readonly NatName[] = keysOf(natKinds);

/** The same router with a short memory: mappings live for 30 s, as on many mobile networks. */
export function shortLived(behaviour: RouterBehaviour): RouterBehaviour {
  switch (behaviour.kind) {
    case "linux":
      return { ...behaviour, repliedMs: shortLifetimeMs };
    case "nat":
    case "firewall":
      return { ...behaviour, lifetimeMs: shortLifetimeMs };
    case "none":
      return behaviour;
  }
}

const shortLifetimeMs = 30_000;

function keysOf<Key extends string>(record: Readonly<Record<Key, unknown>>): Key[] {
  const keys: Key[] = [];
  for (const key in record) keys.push(key);
  return keys;
}
