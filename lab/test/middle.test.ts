import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ipOf, type Lab, type LabNode, textIn, type UdpProbe } from "@fractal-punch/lab";
import { portRestrictedCone } from "@fractal-punch/sim/internet";
import { labTest, skip } from "./lab-test.ts";

labTest("kernels take datagrams of any length that a NAT has rewritten: their sums are right", async (lab) => {
  const router = await lab.topology.addModelRouter("router", portRestrictedCone);
  const inner = await router.addNode("inner");
  const outer = await lab.topology.addNode("outer");
  const target = await lab.probe(outer).open(`${ipOf(outer, 4)}:7000`, { echo: true });
  await expectEchoes(lab.probe(inner), `${ipOf(inner, 4)}:5000`, target, [0, 1, 2, 3, 999, 1000, 1471, 1472]);
});

labTest("kernels take IPv6 datagrams of any length from the middle", async (lab) => {
  const [a, b] = [await lab.topology.addNode("a"), await lab.topology.addNode("b")];
  const target = await lab.probe(b).open(`[${ipOf(b, 6)}]:7000`, { echo: true });
  await expectEchoes(lab.probe(a), `[${ipOf(a, 6)}]:5000`, target, [0, 1, 2, 3, 999, 1000, 1451, 1452]);
});

labTest("fragments do not get through, and do no harm", async (lab) => {
  const [a, b] = [await lab.topology.addNode("a"), await lab.topology.addNode("b")];
  const [from, to] = [lab.probe(a), lab.probe(b)];
  const source = await from.open(`${ipOf(a, 4)}:5000`);
  const target = await to.open(`${ipOf(b, 4)}:7000`);
  from.send("long".repeat(1000), source, target);
  from.send("short", source, target);
  await to.received("short", target);
  assert.deepEqual(to.texts(), ["short"]);
});

labTest("TCP gets through a NAT, and over IPv6, and what a line loses of it is sent again", async (lab) => {
  const router = await lab.topology.addModelRouter("router", portRestrictedCone, { lossRate: 0.02 });
  const inner = await router.addNode("inner");
  const outer = await lab.topology.addNode("outer");
  assert.equal(await echoOverTcp(lab, inner, outer, ipOf(outer, 4)), router.publicIp);
  const other = await lab.topology.addNode("other");
  assert.equal(await echoOverTcp(lab, other, outer, ipOf(outer, 6)), ipOf(other, 6));
});

labTest("a line changes while it is in use, in one direction or in both", async (lab) => {
  const [a, b] = [await lab.topology.addNode("a"), await lab.topology.addNode("b")];
  const [from, to] = [lab.probe(a), lab.probe(b)];
  const source = await from.open(`${ipOf(a, 4)}:5000`);
  const target = await to.open(`${ipOf(b, 4)}:7000`);
  const c = await lab.topology.addNode("c");
  const witness = lab.probe(c);
  const beside = await witness.open(`${ipOf(c, 4)}:7000`);
  await lab.topology.changeLine(b, { down: { lossRate: 1 } });
  to.send("the other direction", target, source);
  await from.received("the other direction", source);
  from.send("lost", source, target);
  from.send("behind it", source, beside);
  await witness.received("behind it", beside);
  await lab.topology.changeLine(b, { lossRate: 0 });
  from.send("not lost", source, target);
  await to.received("not lost", target);
  assert.deepEqual(to.texts(), ["not lost"]);
});

labTest("the middle says what it cannot do, and goes on", async (lab) => {
  await assert.rejects(lab.topology.changeLine({ line: "moon" }, {}), /nothing named moon has a line/);
  const node = await lab.topology.addNode("a");
  await assert.rejects(lab.topology.changeLine(node, { lossRate: -1 }), /lossRate is -1/);
  await assert.rejects(lab.topology.cut(node, { station: "moon" }), /no node moon/);
});

test("the middle ends when whoever gives it commands is gone", { skip, timeout: 20_000 }, async () => {
  const program = fileURLToPath(new URL("../dist/middle-program.js", import.meta.url));
  const middle = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] });
  middle.stdin.write(`${JSON.stringify({ type: "skip", ms: 1 })}\n`);
  await once(middle.stdout, "data");
  middle.stdin.destroy();
  assert.deepEqual(await once(middle, "exit"), [0, null]);
});

/** The address that the listening side saw. */
async function echoOverTcp(lab: Lab, from: LabNode, to: LabNode, ip: string): Promise<string> {
  const program = fileURLToPath(new URL("./tcp-program.js", import.meta.url));
  const listening = lab.start(to, process.execPath, [program, "listen", ip, "7000"]);
  await listening.next(({ event }) => event === "listening");
  const sending = lab.start(from, process.execPath, [program, "send", ip, "7000", "200000"]);
  const { fields } = await sending.next(({ event }) => event === "echoed");
  assert.equal(fields["isSame"], true);
  return textIn(await listening.next(({ event }) => event === "accepted"), "remoteIp");
}

async function expectEchoes(
  probe: UdpProbe,
  from: string,
  target: string,
  lengthsBytes: readonly number[],
): Promise<void> {
  const source = await probe.open(from);
  for (const lengthBytes of lengthsBytes) {
    const text = "x".repeat(lengthBytes);
    probe.send(text, source, target);
    assert.equal(await probe.received(text, source), target);
  }
}
