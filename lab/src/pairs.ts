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
  place: (topology) => placeBehindTwo(topology, "masquerade", "masquerade"),
};

export const bothAcceptingUnasked: Pair = {
  name: "the same, and the NATs accept unasked input",
  path: "direct",
  place: (topology) => placeBehindTwo(topology, "masquerade", "masquerade", "accept"),
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
  place: (topology) => placeBehindTwo(topology, "masquerade", "masquerade-random"),
};

export const hostSymmetric: Pair = {
  name: "host behind a symmetric NAT",
  path: "either",
  place: (topology) => placeBehindTwo(topology, "masquerade-random", "masquerade"),
};

export const bothSymmetric: Pair = {
  name: "both behind symmetric NATs",
  path: "relayed",
  place: (topology) => placeBehindTwo(topology, "masquerade-random", "masquerade-random"),
};

export const bothFirewalled: Pair = {
  name: "IPv6, both behind stateful firewalls",
  path: "direct",
  place: (topology) => placePublic(topology, 6, true),
};

export const pairs: readonly Pair[] = [
  bothPublic,
  bothMasqueraded,
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

function placeBehindTwo(
  topology: Topology,
  hostNat: NatKind,
  clientNat: NatKind,
  unasked: UnaskedInput = "drop",
): Placement {
  const hostRouter = topology.addRouter("host-router", hostNat, unasked);
  const clientRouter = topology.addRouter("client-router", clientNat, unasked);
  return {
    server: topology.addNode("server"),
    host: hostRouter.addNode("host"),
    client: clientRouter.addNode("client"),
    hostIp: hostRouter.publicIp,
    clientIp: clientRouter.publicIp,
  };
}
