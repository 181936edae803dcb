import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  ipOf,
  type Lab,
  type LabNode,
  type LabProcess,
  type NatRouter,
  runIn,
  serve,
  type Topology,
  textIn,
} from "@fractal-punch/lab";
import { portRestrictedCone } from "@fractal-punch/sim/internet";
import { labTest } from "./lab-test.ts";

const cones: readonly [
  name: string,
  add: (topology: Topology, label: string, delayMs: number) => Promise<NatRouter>,
][] = [
  ["masquerading NATs", (topology, label, delayMs) => topology.addKernelRouter(label, "masquerade", { delayMs })],
  [
    "port-restricted cones",
    (topology, label, delayMs) => topology.addModelRouter(label, portRestrictedCone, { delayMs }),
  ],
];

for (const [name, addRouter] of cones) {
  labTest(
    `generation 1: two programs behind ${name} send each other datagrams, not through the server`,
    async (lab) => {
      const meeting = await meetingOf(lab, addRouter);
      const cloud = startCloud(meeting, "generation-1", "10.0.0.5V");
      await cloud.next(({ event }) => event === "requested");
      const client = startClient(meeting, "generation-1", `${meeting.cloudIp}C`);
      await expectMet(meeting, cloud, client);
      assert.deepEqual(datagramsOf(meeting.server), { received: 2, sent: 2 });
    },
  );

  labTest(`generation 2 over UDP: the same behind ${name}`, async (lab) => {
    const meeting = await meetingOf(lab, addRouter);
    const cloud = startCloud(meeting, "generation-2-udp", "post", "32262");
    await cloud.next(({ event }) => event === "posted");
    const client = startClient(meeting, "generation-2-udp", "ask", meeting.cloudIp, "32262");
    await expectMet(meeting, cloud, client);
    const posts = cloud.events.filter(({ event }) => event === "posted").length;
    assert.deepEqual(datagramsOf(meeting.server), { received: posts + 1, sent: 2 });
  });

  labTest(`generation 2 over TCP: two programs behind ${name} connect to each other at once`, async (lab) => {
    const meeting = await meetingOf(lab, addRouter);
    const cloud = startCloud(meeting, "generation-2-tcp", "post", "32262", "1", "9000");
    await cloud.next(({ event }) => event === "posted");
    const client = startClient(meeting, "generation-2-tcp", "ask", meeting.cloudIp, "32262");
    await expectMet(meeting, cloud, client);
    assert.deepEqual(datagramsOf(meeting.server), { received: 1, sent: 0 });
  });
}

interface Meeting {
  readonly lab: Lab;
  readonly server: LabNode;
  readonly cloud: LabNode;
  readonly cloudIp: string;
  readonly client: LabNode;
  readonly clientIp: string;
}

async function meetingOf(lab: Lab, addRouter: (typeof cones)[number][1]): Promise<Meeting> {
  const { topology } = lab;
  const [cloudRouter, clientRouter] = [
    await addRouter(topology, "cloud-router", 10),
    await addRouter(topology, "client-router", 20),
  ];
  const server = await topology.addNode("server", { families: [4], delayMs: 15 });
  await serve(lab, server);
  const [cloud, client] = [await cloudRouter.addNode("cloud"), await clientRouter.addNode("client")];
  return { lab, server, cloud, cloudIp: cloudRouter.publicIp, client, clientIp: clientRouter.publicIp };
}

function startCloud({ lab, server, cloud }: Meeting, program: string, ...args: readonly string[]): LabProcess {
  return startOld(lab, cloud, server, program, args);
}

function startClient({ lab, server, client }: Meeting, program: string, ...args: readonly string[]): LabProcess {
  return startOld(lab, client, server, program, args);
}

function startOld(lab: Lab, node: LabNode, server: LabNode, name: string, args: readonly string[]): LabProcess {
  const program = fileURLToPath(new URL(`../../packages/cli/dist-test/old-programs/${name}.js`, import.meta.url));
  return lab.start(node, process.execPath, [program, `${ipOf(server, 4)}:48800`, `${ipOf(node, 4)}:0`, ...args]);
}

/** Both have come to their ends, and all that they received came from the other's NAT. */
async function expectMet({ cloudIp, clientIp }: Meeting, cloud: LabProcess, client: LabProcess): Promise<void> {
  assert.deepEqual(await Promise.all([cloud.ended, client.ended]), [0, 0]);
  for (const [program, ip] of [
    [cloud, clientIp],
    [client, cloudIp],
  ] as const) {
    const received = program.events.filter(({ event }) => event === "received" || event === "unexpected");
    assert.ok(received.length > 0);
    for (const event of received) assert.equal(textIn(event, "from").split(":")[0], ip);
  }
}

/** What the server's machine has received and sent over UDP since its start, by its kernel. */
function datagramsOf(server: LabNode): { received: number; sent: number } {
  const [names = [], values = []] = runIn(server.namespace, "cat", ["/proc/net/snmp"])
    .split("\n")
    .filter((line) => line.startsWith("Udp:"))
    .map((line) => line.split(" "));
  const value = (name: string): number => Number(values[names.indexOf(name)]);
  return { received: value("InDatagrams"), sent: value("OutDatagrams") };
}
