import assert from "node:assert/strict";
import {
  configureLinks,
  connect,
  type Lab,
  type LabNode,
  offer,
  runIn,
  serve,
  type UdpProbe,
} from "@fractal-punch/lab";
import { portRestrictedCone } from "@fractal-punch/sim/internet";
import { abilities, chooseDatagramDriver } from "@fractal-punch/udp";
import { labTest } from "./lab-test.ts";

const tunnel = "127.0.0.1:7001";
const burst = 10;
/** Each datagram and its echo whole, with probes beside them; 10 more where one of the two is cut. */
const wholePackets = 2 * burst + 8;
const { dontFragment: isSearched } = abilities[chooseDatagramDriver().kind];
const lengthBytes = 1200;

labTest(
  "in a tunnel datagrams go whole where the path takes them, and are cut when it does no more, though nothing says so",
  async (lab) => {
    const { echoes, untilWhole, narrow } = await tunnelled(lab, 1400);
    if (isSearched) await untilWhole();
    await narrow(1262);
    await echoes();
  },
);

interface Tunnelled {
  /** Has a burst of datagrams echoed through the tunnel, each sent until it is. */
  echoes(): Promise<void>;
  /** The same, until none is cut. */
  untilWhole(): Promise<void>;
  narrow(mtuBytes: number): Promise<void>;
}

async function tunnelled(lab: Lab, mtuBytes: number): Promise<Tunnelled> {
  const server = await lab.topology.addNode("server");
  const hostRouter = await lab.topology.addModelRouter("host-router", portRestrictedCone);
  const clientRouter = await lab.topology.addModelRouter("client-router", portRestrictedCone, { mtuBytes });
  const [host, client] = [await hostRouter.addNode("host"), await clientRouter.addNode("client")];
  // Here the system itself refuses what is larger; on the client's way it vanishes.
  configureLinks(host.namespace, [`link set net mtu ${mtuBytes}`]);
  await serve(lab, server);
  const service = await lab.probe(host).open("127.0.0.1:7000", { echo: true });
  const { invite } = await offer(lab, server, host, ["--udp", service]);
  await connect(lab, client, invite, tunnel);
  const probe = lab.probe(client);
  const socket = await probe.open("127.0.0.1:0");
  let sent = 0;
  const packets = (): number => packetsFrom(client) + packetsFrom(host);
  const echoes = async (): Promise<void> => {
    for (let i = 0; i < burst; i++) await echoed(probe, socket, `${sent++} `.padEnd(lengthBytes, "."));
  };
  return {
    echoes,
    untilWhole: async () => {
      for (let before = -Infinity; packets() - before > wholePackets; ) {
        before = packets();
        await echoes();
      }
    },
    narrow: (narrowerBytes) => lab.topology.changeLine(clientRouter, { mtuBytes: narrowerBytes }),
  };
}

async function echoed(probe: UdpProbe, socket: string, text: string): Promise<void> {
  const repeat = setInterval(() => probe.send(text, socket, tunnel), 200);
  probe.send(text, socket, tunnel);
  try {
    assert.equal(await probe.received(text, socket), tunnel);
  } finally {
    clearInterval(repeat);
  }
}

/** From the ninth number behind the device's name on: what it has sent. */
function packetsFrom({ namespace }: LabNode): number {
  const line = runIn(namespace, "cat", ["/proc/net/dev"])
    .split("\n")
    .find((each) => each.trim().startsWith("net:"));
  return Number(line?.trim().split(/\s+/)[10]);
}
