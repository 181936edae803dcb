/** The simulator's NATs on real packets, as sockets on both sides see them. */
import assert from "node:assert/strict";
import type { Lab } from "@fractal-punch/lab";
import {
  fullCone,
  linuxHomeRouter,
  linuxMasquerade,
  type NatBehaviour,
  portRestrictedCone,
  type RouterBehaviour,
  restrictedCone,
  symmetric,
  symmetricInBlock,
  symmetricSequential,
} from "@fractal-punch/sim/internet";
import { labTest } from "./lab-test.ts";
import {
  expectOnlyAnswers,
  type InnerSocket,
  innerSocket,
  mappingsOf,
  mappingTowards,
  type OuterSockets,
  outerSockets,
  passedBy,
  siblingOf,
} from "./nat-probe.ts";

const everybody = ["from another port", "from another address", "answer"];
const cones: Record<string, [RouterBehaviour, passed: string[]]> = {
  "fullCone, and lets everybody in": [fullCone, everybody],
  "restrictedCone, and lets in the address that was asked": [restrictedCone, ["from another port", "answer"]],
  "portRestrictedCone, and lets in the address and port that were asked": [portRestrictedCone, ["answer"]],
  "linuxHomeRouter, and lets in the address and port that were asked": [linuxHomeRouter, ["answer"]],
};
for (const [name, [nat, passed]] of Object.entries(cones)) {
  labTest(`the inner port is kept towards every destination by ${name}`, async (lab) => {
    const { inner, outer, publicIp } = await behind(lab, nat);
    assert.deepEqual(await passedBy(inner, outer), passed);
    assert.deepEqual(await mappingsOf(await siblingOf(inner), outer), Array(3).fill(`${publicIp}:5001`));
  });
}

const symmetrics: Record<string, [NatBehaviour, (ports: readonly number[]) => boolean]> = {
  "symmetric draws a port": [symmetric, (ports) => !areInSequence(ports)],
  "symmetricSequential counts up to a port": [symmetricSequential, areInSequence],
  "symmetricInBlock draws a port from one block": [symmetricInBlock, (ports) => new Set(ports.map(blockOf)).size === 1],
};
for (const [name, [nat, isRight]] of Object.entries(symmetrics)) {
  labTest(`${name} for each destination, and lets in what was asked there`, async (lab) => {
    const { inner, outer, publicIp } = await behind(lab, nat);
    await expectOnlyAnswers(inner, outer);
    const mappings = await mappingsOf(await siblingOf(inner), outer);
    assert.ok(mappings.every((mapping) => mapping.startsWith(`${publicIp}:`)));
    const ports = mappings.map((mapping) => Number(mapping.split(":")[1]));
    assert.equal(new Set(ports).size, 3);
    assert.ok(isRight(ports), ports.join(" "));
  });
}

labTest("two inner sockets with the same port get two outer ports of a cone", async (lab) => {
  const router = await lab.topology.addModelRouter("router", portRestrictedCone);
  const outer = await outerSockets(lab);
  const [a, b] = [await innerSocket(lab, await router.addNode("a")), await innerSocket(lab, await router.addNode("b"))];
  assert.equal(await mappingTowards(outer.asked, a, outer), `${router.publicIp}:5000`);
  assert.equal(await mappingTowards(outer.asked, b, outer), `${router.publicIp}:5001`);
});

labTest("a mapping of a short life ends with it, whatever came in, unless it lives by that too", async (lab) => {
  for (const refresh of ["outbound", "both"] as const) {
    const { inner, outer } = await behind(lab, { ...portRestrictedCone, lifetimeMs: 20_000, refresh });
    const mapping = await mappingTowards(outer.asked, inner, outer);
    await lab.topology.skip(15_000);
    outer.probe.send("in its life", outer.asked, mapping);
    await inner.probe.received("in its life", inner.address);
    await lab.topology.skip(15_000);
    outer.probe.send("later", outer.asked, mapping);
    await answered(await siblingOf(inner), outer);
    assert.equal(inner.probe.texts().includes("later"), refresh === "both");
  }
});

for (const hairpin of ["none", "external-source", "internal-source"] as const) {
  labTest(`between two sockets behind one cone the hairpin is as set: ${hairpin}`, async (lab) => {
    const router = await lab.topology.addModelRouter("router", { ...fullCone, hairpin });
    const outer = await outerSockets(lab);
    const a = await innerSocket(lab, await router.addNode("a"));
    const b = await innerSocket(lab, await router.addNode("b"));
    const mapping = await mappingTowards(outer.asked, a, outer);
    const seenFrom = { "external-source": await mappingTowards(outer.asked, b, outer), "internal-source": b.address };
    b.probe.send("by the router", b.address, mapping);
    b.probe.send("by the private address", b.address, a.address);
    if (hairpin !== "none") assert.equal(await a.probe.received("by the router", a.address), seenFrom[hairpin]);
    assert.equal(await a.probe.received("by the private address", a.address), b.address);
    assert.equal(a.probe.texts().includes("by the router"), hairpin !== "none");
  });
}

for (const [name, nat] of [
  ["linuxMasquerade takes unasked input in, which changes the port of a later datagram", linuxMasquerade],
  ["linuxHomeRouter drops unasked input, which does nothing to a later datagram", linuxHomeRouter],
] as const) {
  labTest(name, async (lab) => {
    const { inner, outer, publicIp } = await behind(lab, nat);
    const sibling = await siblingOf(inner);
    await mappingTowards(outer.otherPort, sibling, outer);
    outer.probe.send("early", outer.asked, `${publicIp}:5000`);
    outer.probe.send("behind it", outer.otherPort, `${publicIp}:5001`);
    await sibling.probe.received("behind it", sibling.address);
    const mapping = await mappingTowards(outer.asked, inner, outer);
    assert.equal(mapping === `${publicIp}:5000`, !nat.takesUnasked, mapping);
  });
}

interface Sides {
  readonly inner: InnerSocket;
  readonly outer: OuterSockets;
  readonly publicIp: string;
}

async function behind(lab: Lab, behaviour: RouterBehaviour): Promise<Sides> {
  const router = await lab.topology.addModelRouter("router", behaviour);
  const inner = await innerSocket(lab, await router.addNode("inner"));
  return { inner, outer: await outerSockets(lab), publicIp: router.publicIp };
}

/** What the outer sockets sent before has come or been dropped when this is done. */
async function answered(inner: InnerSocket, outer: OuterSockets): Promise<void> {
  const mapping = await mappingTowards(outer.asked, inner, outer);
  outer.probe.send("answer", outer.asked, mapping);
  await inner.probe.received("answer", inner.address);
}

const firstPort = 1024;
const portCount = 65_536 - firstPort;

function areInSequence(ports: readonly number[]): boolean {
  return ports.every((port, index) => {
    const before = ports[index - 1];
    return before === undefined || port === firstPort + ((before - firstPort + 1) % portCount);
  });
}

function blockOf(port: number): number {
  return Math.floor((port - firstPort) / 2048);
}
