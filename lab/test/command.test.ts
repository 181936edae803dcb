import assert from "node:assert/strict";
import {
  bothAcceptingUnasked,
  bothBehindOne,
  bothFirewalled,
  bothMasqueraded,
  bothPortRestricted,
  bothSymmetric,
  clientAcceptingUnasked,
  clientSymmetric,
  connect,
  hostAcceptingUnasked,
  hostSymmetric,
  type Lab,
  type LabNode,
  type LabProcess,
  type Matches,
  numberIn,
  offer,
  type Pair,
  type Placement,
  ping,
  type RunningHost,
  serve,
  textIn,
  type UdpProbe,
} from "@fractal-punch/lab";
import { labTest } from "./lab-test.ts";

labTest("between two masquerading NATs the pings are answered and the path becomes direct", async (lab) => {
  const { pings, hostIp } = await pinging(lab, bothMasqueraded, ...untilDirect);
  const direct = await pings.next(named("direct"));
  assert.ok(textIn(direct, "remote").startsWith(`${hostIp}:`), JSON.stringify(direct.fields));
  await expectAnswered(pings);
  expectVerdict(pings, "direct", "direct");
});

for (const pair of [hostAcceptingUnasked, clientAcceptingUnasked, bothAcceptingUnasked]) {
  labTest(`${pair.name}: the path becomes direct`, async (lab) => {
    const { pings } = await pinging(lab, pair, ...untilDirect);
    await pings.next(named("direct"));
    await expectAnswered(pings);
  });
}

labTest("between two port-restricted cones, on lines that delay and lose, the path becomes direct", async (lab) => {
  const placement = await bothPortRestricted.place(lab.topology, { server: 15, host: 10, client: 20 });
  await serve(lab, placement.server);
  const { invite } = await offer(lab, placement.server, placement.host);
  const { server, host, client } = placement;
  for (const node of [server, host, client]) await lab.topology.changeLine(node, { lossRate: 0.05 });
  const pings = ping(lab, placement.client, invite, ...untilDirect);
  await pings.next(named("verdict"), 30_000);
  expectVerdict(pings, "direct", "direct");
});

labTest("behind one NAT the path is direct between the private addresses", async (lab) => {
  const { pings } = await pinging(lab, bothBehindOne, ...untilDirect);
  const direct = await pings.next(named("direct"));
  assert.match(textIn(direct, "remote"), /^192\.168\.1\./);
  await expectAnswered(pings);
});

labTest("two IPv6 machines behind stateful firewalls get a direct path", async (lab) => {
  const { pings, hostIp } = await pinging(lab, bothFirewalled, ...untilDirect);
  const direct = await pings.next(named("direct"));
  assert.ok(textIn(direct, "remote").startsWith(`[${hostIp}]:`), JSON.stringify(direct.fields));
  await expectAnswered(pings);
});

labTest("between two symmetric NATs every ping is answered over the relay, and the verdict says why", async (lab) => {
  const { pings } = await pinging(lab, bothSymmetric, "--count", "25", "--interval", "0.1");
  await expectAnswered(pings);
  assert.ok(repliesOf(pings).every((reply) => textIn(reply, "path") === "relayed"));
  expectVerdict(pings, "relayed", "both-symmetric");
});

for (const pair of [clientSymmetric, hostSymmetric]) {
  labTest(`${pair.name}: every ping is answered`, async (lab) => {
    const { pings } = await pinging(lab, pair, ...untilInterrupted);
    for (let seq = 1; seq <= 12; seq++) await pings.next(named("reply"));
    await pings.end("SIGINT");
    expectInSequence(pings);
  });
}

labTest("connect --udp carries datagrams of any size both ways, and keeps two local senders apart", async (lab) => {
  const placement = await bothMasqueraded.place(lab.topology);
  const { server, host, client } = placement;
  await serve(lab, server);
  const service = await lab.probe(host).open("127.0.0.1:7000", { echo: true });
  const { invite } = await offer(lab, server, host, ["--udp", service]);
  const tunnel = "127.0.0.1:7001";
  await connect(lab, client, invite, tunnel);
  const senders = await Promise.all(["a", "b"].map((letter) => localSender(lab, client, letter)));

  const lengthsBytes = [1, 1200, 1392];
  for (const lengthBytes of lengthsBytes) {
    for (const { letter, probe, socket } of senders) probe.send(letter.repeat(lengthBytes), socket, tunnel);
    for (const { letter, probe, socket } of senders) {
      assert.equal(await probe.received(letter.repeat(lengthBytes), socket), tunnel);
    }
  }
  for (const { letter, probe } of senders) {
    assert.deepEqual(
      probe.texts(),
      lengthsBytes.map((lengthBytes) => letter.repeat(lengthBytes)),
    );
  }
});

labTest("a cut direct path is relayed within 2 s, and direct again by itself when it is healed", async (lab) => {
  const { pings, host, client } = await pinging(lab, bothMasqueraded, ...untilInterrupted);
  await pings.next(named("direct"));
  await nextReplies(pings, 5, "direct");

  await lab.topology.cut(host, client);
  const relayed = await pings.next(named("relayed"));
  const lastDirect = repliesOf(pings).findLast((reply) => textIn(reply, "path") === "direct");
  assert.ok(lastDirect !== undefined);
  const silenceMs = numberIn(relayed, "ms") - numberIn(lastDirect, "ms");
  assert.ok(silenceMs <= 2000, `relayed ${silenceMs} ms after the last direct reply`);
  await nextReplies(pings, 5, "relayed");

  await lab.topology.heal(host, client);
  await pings.next(named("direct"), 20_000);
  await nextReplies(pings, 5, "direct");
  await pings.end("SIGINT");
  expectVerdict(pings, "direct", "direct");
});

labTest("a killed server takes nothing from a direct session, and its hosts are back after its start", async (lab) => {
  const { pings, server, serving, host, hosting, client } = await pinging(lab, bothMasqueraded, ...untilInterrupted);
  const idle = await offer(lab, server, host, ["--echo", "--folder", "idle"]);
  await pings.next(named("direct"));
  await nextReplies(pings, 5, "direct");
  await serving.end("SIGKILL");
  await nextReplies(pings, 10, "direct");
  await serve(lab, server);
  const hosts = [hosting, idle];
  await Promise.all(hosts.map(({ process }) => process.next(named("registered"), 40_000)));
  await nextReplies(pings, 5, "direct");
  await pings.end("SIGINT");
  expectInSequence(pings);

  await Promise.all(hosts.map(({ invite }) => expectAnswered(ping(lab, client, invite, "--count", "1"))));
});

const untilDirect = ["--until-direct", "--interval", "0.05"];
const untilInterrupted = ["--count", "0", "--interval", "0.1"];

interface Pinging extends Placement {
  readonly serving: LabProcess;
  readonly hosting: RunningHost;
  readonly pings: LabProcess;
}

async function pinging(lab: Lab, pair: Pair, ...options: string[]): Promise<Pinging> {
  const placement = await pair.place(lab.topology);
  const serving = await serve(lab, placement.server);
  const hosting = await offer(lab, placement.server, placement.host);
  return { ...placement, serving, hosting, pings: ping(lab, placement.client, hosting.invite, ...options) };
}

interface LocalSender {
  readonly letter: string;
  readonly probe: UdpProbe;
  readonly socket: string;
}

async function localSender(lab: Lab, client: LabNode, letter: string): Promise<LocalSender> {
  const probe = lab.probe(client);
  return { letter, probe, socket: await probe.open("127.0.0.1:0") };
}

function named(name: string): Matches {
  return ({ event }) => event === name;
}

function repliesOf(pings: LabProcess): LabProcess["events"] {
  return pings.events.filter(named("reply"));
}

/** Waits for that many replies in a row, one for each sequence number, all over this path. */
async function nextReplies(pings: LabProcess, count: number, path: "direct" | "relayed"): Promise<void> {
  const first = await pings.next((event) => named("reply")(event) && event.fields["path"] === path);
  for (let seq = numberIn(first, "seq") + 1; seq < numberIn(first, "seq") + count; seq++) {
    const reply = await pings.next(named("reply"));
    assert.deepEqual([numberIn(reply, "seq"), textIn(reply, "path")], [seq, path]);
  }
}

function expectInSequence(pings: LabProcess): void {
  const sequence = repliesOf(pings).map((reply) => numberIn(reply, "seq"));
  assert.deepEqual(
    sequence,
    [...sequence.keys()].map((index) => index + 1),
  );
}

/** Every ping was answered, in order, and the command ended well. */
async function expectAnswered(pings: LabProcess): Promise<void> {
  await pings.next(named("verdict"));
  assert.equal(await pings.ended, 0);
  assert.equal(pings.events[0]?.event, "connected");
  assert.deepEqual(pings.events.filter(named("lost")), []);
  assert.ok(repliesOf(pings).length > 0);
  expectInSequence(pings);
}

function expectVerdict(pings: LabProcess, path: "direct" | "relayed", reason: string): void {
  const verdict = pings.events.at(-1);
  assert.deepEqual([verdict?.event, verdict?.fields["path"], verdict?.fields["reason"]], ["verdict", path, reason]);
}
