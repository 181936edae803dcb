import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, sameAddress, sameIp } from "@fractal-punch/machine";
import type { PeerCommand, PeerEvent } from "@fractal-punch/peer/core";
import type { Node } from "./small-net.ts";
import { all, serverAddress, Trio } from "./trio.ts";

const floorBytes = 1195;

test("both ends find within a second that a direct path takes what Ethernet does, by one probe each", () => {
  const { trio, client } = directPair();
  pass(trio, client, 1000);
  assert.deepEqual([limitOf(client), limitOf(trio.host)], [1439, 1439]);
  const large = trio.net.log.filter(({ bytes }) => bytes.length > 1232);
  assert.deepEqual(large.map(lengthOf), [1472, 1472]);
  for (const { from, to, sentAtMs } of large) {
    const answers = trio.net.log.filter((each) => sameAddress(each.from, to) && sameAddress(each.to, from));
    const reply = answers.find((each) => each.sentAtMs === sentAtMs + 10);
    assert.equal(reply?.bytes.length, 56);
  }
});

test("a datagram that only such a path takes goes over it in one packet, and over the relay never", () => {
  const { trio, client } = directPair();
  pass(trio, client, 1000);
  trio.net.log = [];
  client.command({ type: "send", session: 1, data: new Uint8Array(1439).fill(7) });
  trio.net.run(50);
  assert.deepEqual(all(trio.host, "data").at(-1)?.data.length, 1439);
  assert.deepEqual(
    trio.net.log.filter(({ bytes }) => bytes.length > 1232).map(({ to }) => to),
    [trio.host.address],
  );
});

for (const [mtu, limit] of [
  [1492, 1431],
  [1430, 1359],
  [1400, 1319],
  [1280, 1219],
  [1279, floorBytes],
] as const)
  test(`where IP packets of ${mtu} bytes pass, datagrams of ${limit} do, and each size that fails is tried three times`, () => {
    const { trio, client } = directPair();
    trio.net.loses = ({ bytes }) => bytes.length + 28 > mtu;
    pass(trio, client, 12_000);
    assert.deepEqual([limitOf(client), limitOf(trio.host)], [limit, limit]);
    const tries = new Map<number, number>();
    for (const { bytes, from } of trio.net.log)
      if (bytes.length > 1232 && sameIp(from, client.address))
        tries.set(bytes.length, (tries.get(bytes.length) ?? 0) + 1);
    for (const [length, count] of tries) assert.equal(count, length + 28 > mtu ? 3 : 1, `${length} bytes`);
  });

test("probes that are lost for their size say nothing else of the path", () => {
  const { trio, client } = directPair();
  trio.net.loses = ({ bytes }) => bytes.length > 1232;
  client.events.length = 0;
  pass(trio, client, 60_000);
  assert.deepEqual(
    client.events.filter(({ type }) => type === "path" || type === "limit"),
    [],
  );
});

test("larger sizes than the one that was found are tried again after ten minutes", () => {
  const { trio, client } = directPair();
  trio.net.loses = ({ bytes }) => bytes.length > 1400;
  pass(trio, client, 590_000);
  assert.equal(limitOf(client), 1359);
  trio.net.loses = () => false;
  pass(trio, client, 20_000);
  assert.equal(limitOf(client), 1439);
});

test("when a path takes large packets no more, that is found out within three seconds, and then what it takes", () => {
  const { trio, client } = directPair();
  pass(trio, client, 1000);
  trio.net.loses = ({ bytes }) => bytes.length > 1400;
  trio.net.runUntil(() => {
    client.command({ type: "send", session: 1, data: new Uint8Array(limitOf(client)) });
    trio.net.run(20);
    return limitOf(client) === floorBytes;
  }, 3000);
  pass(trio, client, 6000);
  assert.deepEqual([limitOf(client), limitOf(trio.host)], [1359, 1439], "the host has sent nothing large");
  assert.equal(all(client, "path").at(-1)?.path.kind, "direct");
});

test("when such a path goes silent, datagrams have to fit the relay at once, and what is larger is counted", () => {
  const { trio, client } = directPair();
  pass(trio, client, 1000);
  trio.net.loses = ({ from, to }) => !isServer(from) && !isServer(to);
  const silentAtMs = trio.net.now;
  trio.net.runUntil(() => limitOf(client) === floorBytes, 1000);
  assert.ok(trio.net.now - silentAtMs <= 920, "600 ms after the first probe that is not answered");
  assert.equal(all(client, "path").at(-1)?.path.kind, "direct", "it is not given up yet");
  trio.net.log = [];
  client.command({ type: "send", session: 1, data: new Uint8Array(1439) });
  assert.equal(trio.net.log.filter(({ bytes }) => bytes.length > 1232).length, 0);
  assert.deepEqual("counts" in client.machine && client.machine.counts, new Map([["too-large", 1]]));
  trio.net.loses = () => false;
  pass(trio, client, 3000);
  assert.equal(limitOf(client), 1439, "it is proven anew");
});

test("where the driver cannot keep datagrams whole, nothing is tried", () => {
  const { trio, client } = directPair({ dontFragment: false });
  pass(trio, client, 10_000);
  assert.deepEqual([limitOf(client), limitOf(trio.host)], [floorBytes, floorBytes]);
  assert.equal(trio.net.log.filter(({ bytes }) => bytes.length > 1232).length, 0);
});

type ClientNode = Node<PeerCommand, PeerEvent>;

function directPair(peersCan = { dontFragment: true }): { trio: Trio; client: ClientNode } {
  const trio = new Trio({ peersCan }).begin();
  const client = trio.connected();
  const isDirect = (node: { events: readonly PeerEvent[] }): boolean =>
    all(node, "path").at(-1)?.path.kind === "direct";
  trio.net.runUntil(() => isDirect(client) && isDirect(trio.host));
  trio.net.log = [];
  return { trio, client };
}

/** The client's application sends ten times a second. */
function pass({ net }: Trio, client: ClientNode, ms: number, lengthBytes = 10): void {
  for (let passed = 0; passed < ms; passed += 100) {
    client.command({ type: "send", session: 1, data: new Uint8Array(lengthBytes) });
    net.run(100);
  }
}

function limitOf(node: { events: readonly PeerEvent[] }): number {
  return all(node, "limit").at(-1)?.maxDatagramBytes ?? floorBytes;
}

function lengthOf({ bytes }: { bytes: Uint8Array }): number {
  return bytes.length;
}

function isServer(address: Address): boolean {
  return sameIp(address, serverAddress);
}
