/** Sockets on both sides of a NAT, which look at it as RFC 4787 describes. */
import assert from "node:assert/strict";
import { ipOf, type Lab, type LabNode, type Machine, secondIpOf, type UdpProbe } from "@fractal-punch/lab";

export interface InnerSocket {
  readonly probe: UdpProbe;
  readonly address: string;
}

/** Sockets of one public machine, so that what they send one after the other also arrives in that order. */
export interface OuterSockets {
  readonly probe: UdpProbe;
  readonly asked: string;
  readonly otherPort: string;
  readonly otherIp: string;
}

export async function openSocket(lab: Lab, machine: Machine, address: string): Promise<InnerSocket> {
  const probe = lab.probe(machine);
  return { probe, address: await probe.open(address) };
}

export function innerSocket(lab: Lab, node: LabNode): Promise<InnerSocket> {
  return openSocket(lab, node, `${ipOf(node, 4)}:5000`);
}

/** A further socket in the process of another, so that both receive in the order in which it came. */
export async function siblingOf({ probe, address }: InnerSocket): Promise<InnerSocket> {
  return { probe, address: await probe.open(address.replace(/:5000$/, ":5001")) };
}

export async function outerSockets(lab: Lab, family: 4 | 6 = 4): Promise<OuterSockets> {
  const node = await lab.topology.addNode("outer", { twoAddresses: true });
  const ip = ipOf(node, family);
  const secondIp = secondIpOf(node, family);
  const probe = lab.probe(node);
  const open = (at: string, port: number): Promise<string> =>
    probe.open(family === 4 ? `${at}:${port}` : `[${at}]:${port}`);
  return { probe, asked: await open(ip, 7001), otherPort: await open(ip, 7002), otherIp: await open(secondIp, 7001) };
}

export async function mappingTowards(target: string, inner: InnerSocket, outer: OuterSockets): Promise<string> {
  inner.probe.send("who am I", inner.address, target);
  return await outer.probe.received("who am I", target);
}

export async function mappingsOf(inner: InnerSocket, outer: OuterSockets): Promise<string[]> {
  const mappings: string[] = [];
  for (const target of [outer.asked, outer.otherPort, outer.otherIp]) {
    mappings.push(await mappingTowards(target, inner, outer));
  }
  return mappings;
}

export async function expectOnlyAnswers(inner: InnerSocket, outer: OuterSockets): Promise<void> {
  assert.deepEqual(await passedBy(inner, outer), ["answer"]);
}

/** What comes in, of one datagram from each outer socket, when one of them was asked; its answer comes last. */
export async function passedBy(inner: InnerSocket, outer: OuterSockets): Promise<string[]> {
  const mapping = await mappingTowards(outer.asked, inner, outer);
  outer.probe.send("from another port", outer.otherPort, mapping);
  outer.probe.send("from another address", outer.otherIp, mapping);
  outer.probe.send("answer", outer.asked, mapping);
  assert.equal(await inner.probe.received("answer", inner.address), outer.asked);
  return inner.probe.texts();
}
