import {
  fullCone,
  type NatBehaviour,
  portRestrictedCone,
  restrictedCone,
  symmetric,
} from "@fractal-punch/sim/internet";
import type { NatKind, UnaskedInput } from "./nat-rules.ts";
import { type Family, ipOf, type KernelRouter, type LabNode, type NatRouter, type Topology } from "./topology.ts";

/** One way to the middle, in ms. */
export interface Delays {
  readonly server: number;
  readonly host: number;
  readonly client: number;
}

/** Where a host and a client stand, and the public address that the host is seen from. */
export interface Placement {
  readonly server: LabNode;
  readonly host: LabNode;
  readonly client: LabNode;
  readonly hostIp: string;
  /** Those of this machine's kernel that host and client are behind, if they are. */
  readonly routers?: { readonly host: KernelRouter; readonly client: KernelRouter };
}

/** A way for a host and a client to stand in the internet, and the path that they are to get. */
export interface Pair {
  readonly name: string;
  readonly path: "direct" | "relayed";
  /** They share one network, and have no line between them. */
  readonly neighbours?: boolean;
  place(topology: Topology, delays?: Delays): Promise<Placement>;
}

/** On links without delay it is a matter of luck which of two datagrams that cross is first at a router. */
const noDelays: Delays = { server: 0, host: 0, client: 0 };

export const bothPublic: Pair = {
  name: "both public",
  path: "direct",
  place: (topology, delays) => placePublic(topology, 4, false, delays),
};

export const bothMasqueraded: Pair = kernelPair(
  "both behind masquerading NATs",
  "direct",
  ["masquerade", "drop"],
  ["masquerade", "drop"],
);

/**
 * A datagram of one side that is at the other's router before that side has sent makes the router give the inner socket
 * another port (lab/test/nat.test.ts), towards all whom it has not sent to yet: fresh sockets are needed.
 */
export const hostAcceptingUnasked: Pair = kernelPair(
  "masquerading NATs, the host's accepts unasked input",
  "direct",
  ["masquerade", "accept"],
  ["masquerade", "drop"],
);

export const clientAcceptingUnasked: Pair = kernelPair(
  "masquerading NATs, the client's accepts unasked input",
  "direct",
  ["masquerade", "drop"],
  ["masquerade", "accept"],
);

export const bothAcceptingUnasked: Pair = kernelPair(
  "masquerading NATs, both accept unasked input",
  "direct",
  ["masquerade", "accept"],
  ["masquerade", "accept"],
);

export const bothBehindOne: Pair = {
  name: "both behind one masquerading NAT",
  path: "direct",
  neighbours: true,
  place: async (topology, delays = noDelays) =>
    await placeBehindOne(
      topology,
      await topology.addKernelRouter("router", "masquerade", { delayMs: delays.client }),
      delays,
    ),
};

export const clientSymmetric: Pair = kernelPair(
  "masquerading NATs, the client's fully random",
  "relayed",
  ["masquerade", "drop"],
  ["masquerade-random", "drop"],
);

export const hostSymmetric: Pair = kernelPair(
  "masquerading NATs, the host's fully random",
  "relayed",
  ["masquerade-random", "drop"],
  ["masquerade", "drop"],
);

export const bothSymmetric: Pair = kernelPair(
  "masquerading NATs, both fully random",
  "relayed",
  ["masquerade-random", "drop"],
  ["masquerade-random", "drop"],
);

export const bothFirewalled: Pair = {
  name: "IPv6, both behind stateful firewalls",
  path: "direct",
  place: (topology, delays) => placePublic(topology, 6, true, delays),
};

export const bothPortRestricted: Pair = modelPair(
  "both behind port-restricted cones",
  "direct",
  portRestrictedCone,
  portRestrictedCone,
);

export const bothModelSymmetric: Pair = modelPair("both behind symmetric NATs", "relayed", symmetric, symmetric);

/** Named "masquerading": this machine's kernel. Cones and symmetric NATs are the simulator's. */
export const pairs: readonly Pair[] = [
  bothPublic,
  bothMasqueraded,
  bothPortRestricted,
  modelPair("both behind restricted cones", "direct", restrictedCone, restrictedCone),
  modelPair("both behind full cones", "direct", fullCone, fullCone),
  hostAcceptingUnasked,
  clientAcceptingUnasked,
  bothAcceptingUnasked,
  bothBehindOne,
  {
    name: "both behind one port-restricted cone",
    path: "direct",
    neighbours: true,
    place: async (topology, delays = noDelays) =>
      await placeBehindOne(
        topology,
        await topology.addModelRouter("router", portRestrictedCone, { delayMs: delays.client }),
        delays,
      ),
  },
  bothFirewalled,
  clientSymmetric,
  hostSymmetric,
  modelPair("the client behind a symmetric NAT, the host a cone", "relayed", portRestrictedCone, symmetric),
  modelPair("the host behind a symmetric NAT, the client a cone", "relayed", symmetric, portRestrictedCone),
  bothSymmetric,
  bothModelSymmetric,
];

function kernelPair(
  name: string,
  path: Pair["path"],
  [hostNat, hostUnasked]: RouterKind,
  [clientNat, clientUnasked]: RouterKind,
): Pair {
  return {
    name,
    path,
    place: async (topology, delays = noDelays) => {
      const host = await topology.addKernelRouter("host-router", hostNat, {
        unasked: hostUnasked,
        delayMs: delays.host,
      });
      const client = await topology.addKernelRouter("client-router", clientNat, {
        unasked: clientUnasked,
        delayMs: delays.client,
      });
      return { ...(await placeBehind(topology, host, client, delays)), routers: { host, client } };
    },
  };
}

function modelPair(name: string, path: Pair["path"], host: NatBehaviour, client: NatBehaviour): Pair {
  return {
    name,
    path,
    place: async (topology, delays = noDelays) =>
      await placeBehind(
        topology,
        await topology.addModelRouter("host-router", host, { delayMs: delays.host }),
        await topology.addModelRouter("client-router", client, { delayMs: delays.client }),
        delays,
      ),
  };
}

async function placePublic(
  topology: Topology,
  family: Family,
  firewall: boolean,
  delays: Delays = noDelays,
): Promise<Placement> {
  const families = [family];
  const host = await topology.addNode("host", { families, firewall, delayMs: delays.host });
  const client = await topology.addNode("client", { families, firewall, delayMs: delays.client });
  const server = await topology.addNode("server", { families, delayMs: delays.server });
  return { server, host, client, hostIp: ipOf(host, family) };
}

type RouterKind = readonly [NatKind, UnaskedInput];

async function placeBehindOne(topology: Topology, router: NatRouter, delays: Delays): Promise<Placement> {
  return await placeBehind(topology, router, router, delays);
}

async function placeBehind(
  topology: Topology,
  hostRouter: NatRouter,
  clientRouter: NatRouter,
  delays: Delays,
): Promise<Placement> {
  return {
    server: await topology.addNode("server", { delayMs: delays.server }),
    host: await hostRouter.addNode("host"),
    client: await clientRouter.addNode("client"),
    hostIp: hostRouter.publicIp,
  };
}
