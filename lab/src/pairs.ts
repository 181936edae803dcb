import type { NatKind, UnaskedInput } from "./nat-rules.ts";
import { type Family, ipOf, type LabNode, type Topology } from "./topology.ts";

/** Where a host and a client stand, and the public address that each is seen from. */
export interface Placement {
  readonly server: LabNode;
  readonly host: LabNode;
  readonly client: LabNode;
  readonly hostIp: string;
  readonly clientIp: string;
}

/** A way for a host and a client to stand in the internet, and the path that they are to get. */
export interface Pair {
  readonly name: string;
  /** "either": they get replies, over whichever path. */
  readonly path: "direct" | "relayed" | "either";
  place(topology: Topology): Placement;
}

export const bothPublic: Pair = {
  name: "both public",
  path: "direct",
  place: (topology) => placePublic(topology, 4),
};

export const bothMasqueraded: Pair = {
  name: "both behind masquerading NATs",
  path: "direct",
  place: (topology) => placeBehindTwo(topology, ["masquerade", "drop"], ["masquerade", "drop"]),
};

/**
 * On links without delay a datagram of one side is at the other's router before that side has sent, unless it happens to
 * be quicker: then the router gives the inner socket another port (lab/test/nat.test.ts), and the path stays relayed.
 */
export const oneAcceptingUnasked: Pair = {
  name: "masquerading NATs, the host's accepts unasked input",
  path: "either",
  place: (topology) => placeBehindTwo(topology, ["masquerade", "accept"], ["masquerade", "drop"]),
};

export const bothAcceptingUnasked: Pair = {
  name: "masquerading NATs, both accept unasked input",
  path: "either",
  place: (topology) => placeBehindTwo(topology, ["masquerade", "accept"], ["masquerade", "accept"]),
};

export const bothBehindOne: Pair = {
  name: "both behind one masquerading NAT",
  path: "direct",
  place: (topology) => {
    const router = topology.addRouter("router", "masquerade");
    return {
      server: topology.addNode("server"),
      host: router.addNode("host"),
      client: router.addNode("client"),
      hostIp: router.publicIp,
      clientIp: router.publicIp,
    };
  },
};

export const clientSymmetric: Pair = {
  name: "client behind a symmetric NAT",
  path: "either",
  place: (topology) => placeBehindTwo(topology, ["masquerade", "drop"], ["masquerade-random", "drop"]),
};

export const hostSymmetric: Pair = {
  name: "host behind a symmetric NAT",
  path: "either",
  place: (topology) => placeBehindTwo(topology, ["masquerade-random", "drop"], ["masquerade", "drop"]),
};

export const bothSymmetric: Pair = {
  name: "both behind symmetric NATs",
  path: "relayed",
  place: (topology) => placeBehindTwo(topology, ["masquerade-random", "drop"], ["masquerade-random", "drop"]),
};

export const bothFirewalled: Pair = {
  name: "IPv6, both behind stateful firewalls",
  path: "direct",
  place: (topology) => placePublic(topology, 6, true),
};

export const pairs: readonly Pair[] = [
  bothPublic,
  bothMasqueraded,
  oneAcceptingUnasked,
  bothAcceptingUnasked,
  bothBehindOne,
  clientSymmetric,
  hostSymmetric,
  bothSymmetric,
  bothFirewalled,
];

function placePublic(topology: Topology, family: Family, firewall = false): Placement {
  const options = { families: [family], firewall };
  const [host, client] = [topology.addNode("host", options), topology.addNode("client", options)];
  const server = topology.addNode("server", { families: [family] });
  return { server, host, client, hostIp: ipOf(host, family), clientIp: ipOf(client, family) };
}

type RouterKind = readonly [NatKind, UnaskedInput];

function placeBehindTwo(topology: Topology, hostKind: RouterKind, clientKind: RouterKind): Placement {
  const hostRouter = topology.addRouter("host-router", ...hostKind);
  const clientRouter = topology.addRouter("client-router", ...clientKind);
  return {
    server: topology.addNode("server"),
    host: hostRouter.addNode("host"),
    client: clientRouter.addNode("client"),
    hostIp: hostRouter.publicIp,
    clientIp: clientRouter.publicIp,
  };
}
