import assert from "node:assert/strict";
import { ipOf, type KernelRouter, type Lab } from "@fractal-punch/lab";
import { labTest } from "./lab-test.ts";
import {
  expectOnlyAnswers,
  innerSocket,
  mappingsOf,
  mappingTowards,
  type OuterSockets,
  openSocket,
  outerSockets,
} from "./nat-probe.ts";

labTest("a masquerading router shows one address, with the inner port, to every destination", async (lab) => {
  const router = await lab.topology.addKernelRouter("router", "masquerade");
  const mappings = await mappingsOf(await innerSocket(lab, await router.addNode("inner")), await outerSockets(lab));
  assert.deepEqual(mappings, Array(3).fill(`${router.publicIp}:5000`));
});

labTest("a fully random masquerading router shows different ports to different destinations", async (lab) => {
  const router = await lab.topology.addKernelRouter("router", "masquerade-random");
  const mappings = await mappingsOf(await innerSocket(lab, await router.addNode("inner")), await outerSockets(lab));
  assert.ok(mappings.every((mapping) => mapping.startsWith(`${router.publicIp}:`)));
  // Of three ports drawn from thousands two may be the same once in a while, three never.
  assert.ok(new Set(mappings).size > 1, mappings.join(" "));
});

for (const kind of ["masquerade", "masquerade-random"] as const) {
  labTest(`a router of kind ${kind} lets in the address and port that were asked, and no others`, async (lab) => {
    const router = await lab.topology.addKernelRouter("router", kind);
    await expectOnlyAnswers(await innerSocket(lab, await router.addNode("inner")), await outerSockets(lab));
  });
}

for (const [unasked, effect] of [
  ["accept", "changes the port of"],
  ["drop", "does nothing to"],
] as const) {
  labTest(`unasked input that a router is to ${unasked} ${effect} a later datagram from inside`, async (lab) => {
    const router = await lab.topology.addKernelRouter("router", "masquerade", { unasked });
    const inner = await innerSocket(lab, await router.addNode("inner"));
    const outer = await outerSockets(lab);
    const inThePort = `${router.publicIp}:5000`;
    outer.probe.send("early", outer.asked, inThePort);
    await roundTrip(lab, router, outer);
    const mapping = await mappingTowards(outer.asked, inner, outer);
    assert.equal(mapping === inThePort, unasked === "drop", mapping);
  });
}

labTest("once unasked input has changed a socket's port, every later destination sees the changed one", async (lab) => {
  const router = await lab.topology.addKernelRouter("router", "masquerade", { unasked: "accept" });
  const inner = await innerSocket(lab, await router.addNode("inner"));
  const outer = await outerSockets(lab);
  outer.probe.send("early", outer.asked, `${router.publicIp}:5000`);
  await roundTrip(lab, router, outer);
  const changed = await mappingTowards(outer.asked, inner, outer);
  assert.notEqual(changed, `${router.publicIp}:5000`);
  assert.equal(await mappingTowards(outer.otherIp, inner, outer), changed);
});

labTest("nodes behind one router reach each other by their private addresses, not by the router's", async (lab) => {
  const router = await lab.topology.addKernelRouter("router", "masquerade");
  const [a, b] = [await innerSocket(lab, await router.addNode("a")), await innerSocket(lab, await router.addNode("b"))];
  const outer = await outerSockets(lab);
  const mapping = await mappingTowards(outer.asked, a, outer);
  b.probe.send("by the router", b.address, mapping);
  b.probe.send("by the private address", b.address, a.address);
  assert.equal(await a.probe.received("by the private address", a.address), b.address);
  assert.deepEqual(a.probe.texts(), ["by the private address"]);
});

labTest("a cut stops two routers' datagrams to each other, and nothing else, until it is healed", async (lab) => {
  const [left, right] = [
    await lab.topology.addKernelRouter("left", "masquerade"),
    await lab.topology.addKernelRouter("right", "masquerade"),
  ];
  const [a, b] = [await innerSocket(lab, await left.addNode("a")), await innerSocket(lab, await right.addNode("b"))];
  const outer = await outerSockets(lab);
  const [toA, toB] = [`${left.publicIp}:5000`, `${right.publicIp}:5000`];
  b.probe.send("opens the right hole", b.address, toA);
  await mappingTowards(outer.asked, b, outer);
  a.probe.send("through both", a.address, toB);
  assert.equal(await b.probe.received("through both", b.address), toA);

  await lab.topology.cut(left, right);
  a.probe.send("cut", a.address, toB);
  await mappingTowards(outer.asked, a, outer);
  await lab.topology.heal(left, right);
  a.probe.send("healed", a.address, toB);
  await b.probe.received("healed", b.address);
  assert.deepEqual(b.probe.texts(), ["through both", "healed"]);
});

labTest("a stateful firewall lets in the IPv6 address and port that were asked, and no others", async (lab) => {
  const node = await lab.topology.addNode("inner", { families: [6], firewall: true });
  const inner = await openSocket(lab, node, `[${ipOf(node, 6)}]:5000`);
  await expectOnlyAnswers(inner, await outerSockets(lab, 6));
});

/** What the outer sockets sent before has reached the router when this has. */
async function roundTrip(lab: Lab, router: KernelRouter, outer: OuterSockets): Promise<void> {
  const own = await openSocket(lab, router, `${router.publicIp}:6000`);
  own.probe.send("question", own.address, outer.otherPort);
  await outer.probe.received("question", outer.otherPort);
  outer.probe.send("answer", outer.otherPort, own.address);
  await own.probe.received("answer", own.address);
}
