/** Nodes that tests steer by hand: open a port, send, look at what came. */
import assert from "node:assert/strict";
import { type Address, addressFromText, addressText } from "@fractal-punch/machine";
import {
  type BareCommand,
  type BareEvent,
  BareMachine,
  type Node,
  type NodeOptions,
  type World,
} from "@fractal-punch/sim";

export type BareNode = Node<BareCommand, BareEvent>;

/** A node with port number 1 open under `port`, for each family that it has. */
export function bareNode(
  world: World,
  name: string,
  options: NodeOptions<BareCommand, BareEvent>,
  port = 5000,
): BareNode {
  const node = world.node(name, { machine: new BareMachine(), ...options });
  const family = node.addresses[0]?.family ?? 4;
  node.command({ type: "open", port: 1, request: { family, port } });
  return node;
}

export function at(text: string): Address {
  const address = addressFromText(text);
  assert.ok(address, text);
  return address;
}

/** Sends 4 bytes, `mark` first, from port number 1. */
export function send(node: BareNode, to: string, mark = 0, ttl?: number): void {
  const options = ttl === undefined ? {} : { options: { ttl } };
  node.command({ type: "send", port: 1, to: at(to), bytes: Uint8Array.of(mark, 0, 0, 0), ...options });
}

/** What a node received, as "mark from address". */
export function received(node: BareNode): string[] {
  return node.events.flatMap(({ event }) =>
    event.type === "received" ? [`${event.bytes[0]} from ${addressText(event.from)}`] : [],
  );
}

/** When a node received something, in ms. */
export function receivedAt(node: BareNode): number[] {
  return node.events.filter(({ event }) => event.type === "received").map(({ atMs }) => atMs);
}

/** Why datagrams were dropped, in the order in which they were sent. */
export function drops(world: World): string[] {
  return world.log.flatMap(({ dropped }) => (dropped === undefined ? [] : [dropped]));
}
