import assert from "node:assert/strict";
import { test } from "node:test";
import { addressFromText } from "@fractal-punch/machine";
import { Path } from "../../dist/core/path.js";
import { Paths } from "../../dist/core/paths.js";

test("relayed first, both until the direct path is proven, then direct alone", () => {
  const { paths, relay, direct } = pair();
  direct.tryAt(0);
  assert.deepEqual(paths.forDatagram(0, false), [direct, relay]);
  assert.equal(paths.current, relay);
  prove(direct, 10, 20);
  paths.choose();
  assert.equal(paths.current, direct);
  assert.deepEqual(paths.forDatagram(20, false), [direct]);
});

test("a path is found by its route as often as it is looked for, and not once it was dropped", () => {
  const { paths, relay, direct } = pair();
  for (const path of [direct, direct, relay, direct]) assert.equal(paths.find(path.route), path);
  paths.drop((route) => route === direct.route);
  assert.equal(paths.find(direct.route), undefined);
  const again = add(paths, "192.0.2.7:4000");
  assert.equal(paths.find(direct.route), again);
  assert.equal(paths.find(relay.route), relay);
});

test("a direct path that nobody tries now is not sent to before it is proven", () => {
  const { paths, relay, direct } = pair();
  assert.deepEqual(paths.forDatagram(0, false), [relay]);
  direct.tryAt(0);
  assert.deepEqual(paths.forDatagram(2000, false), [relay]);
});

test("the first datagram after idling goes over both", () => {
  const { paths, relay, direct } = pair();
  prove(direct, 10, 20);
  paths.choose();
  assert.deepEqual(paths.forDatagram(20, true), [direct, relay]);
});

test("over both while the direct path is in doubt, over the relay alone once it is dead", () => {
  const { paths, relay, direct } = pair();
  prove(direct, 10, 20);
  paths.choose();
  direct.probed(1000, 99, true);
  assert.deepEqual(paths.forDatagram(1600, false), [direct]);
  assert.deepEqual(paths.forDatagram(1601, false), [direct, relay]);
  direct.bury();
  paths.choose();
  assert.equal(paths.direct, undefined);
  assert.deepEqual(paths.forDatagram(2300, false), [relay]);
});

test("a direct path that loses 10 % more than the relay loses to it, and wins again below 3 %", () => {
  const { paths, relay, direct } = pair();
  prove(direct, 10, 20);
  prove(relay, 10, 60);
  measure(relay, 128, () => false);
  measure(direct, 128, (index) => index % 7 === 0);
  paths.choose();
  assert.equal(paths.lossy, true);
  assert.equal(paths.current, relay);
  assert.deepEqual(paths.forDatagram(100_000, false), [relay]);
  measure(direct, 126, () => false);
  paths.choose();
  assert.equal(paths.lossy, false, "none of the latest was lost");
  assert.equal(paths.current, direct);
});

test("between 3 % and 10 % it stays as it is", () => {
  const { paths, relay, direct } = pair();
  prove(direct, 10, 20);
  prove(relay, 10, 60);
  measure(relay, 128, () => false);
  measure(direct, 128, (index) => index % 20 === 0);
  paths.choose();
  assert.equal(paths.lossy, false, "5 % is not bad enough to leave");
  measure(direct, 128, (index) => index % 7 === 0);
  paths.choose();
  assert.equal(paths.lossy, true);
  measure(direct, 128, (index) => index % 20 === 0);
  paths.choose();
  assert.equal(paths.lossy, true, "and not good enough to come back");
});

test("a relay that loses as much is no better", () => {
  const { paths, relay, direct } = pair();
  prove(direct, 10, 20);
  prove(relay, 10, 60);
  for (const path of [relay, direct]) measure(path, 32, (index) => index % 4 === 0);
  paths.choose();
  assert.equal(paths.current, direct);
});

test("another direct path takes over when it is a fifth faster and 5 ms faster, not before", () => {
  for (const [first, second, taken] of [
    [100, 79, true],
    [100, 81, false],
    [20, 14, true],
    [20, 15.5, false],
    [4, 1, false],
  ] as const) {
    const { paths, direct } = pair();
    const other = add(paths, "192.0.2.8:4000");
    prove(direct, 0, first);
    paths.choose();
    prove(other, 0, second);
    paths.choose();
    assert.equal(paths.direct === other, taken, `${second} against ${first} ms`);
  }
});

test("an address that the peer only named gets no datagram before it is proven", () => {
  const { paths, relay } = pair();
  const named = add(paths, "10.0.0.9:4000", { named: true, allowance: 3 });
  named.tryAt(0);
  assert.deepEqual(paths.forDatagram(0, false), [relay]);
  named.heard(5);
  assert.deepEqual(paths.forDatagram(5, false), [relay], "where a datagram came from can be forged");
  prove(named, 5, 20);
  paths.choose();
  assert.deepEqual(paths.forDatagram(20, true), [named, relay]);
});

test("of several unproven paths the datagram goes where something authentic came from last", () => {
  const { paths, relay, direct } = pair();
  const other = add(paths, "192.0.2.8:4000");
  for (const path of [direct, other]) path.tryAt(0);
  assert.deepEqual(paths.forDatagram(0, false), [direct, relay]);
  other.heard(10);
  assert.deepEqual(paths.forDatagram(11, false), [other, relay]);
  direct.heard(20);
  assert.deepEqual(paths.forDatagram(21, false), [direct, relay]);
});

test("an unproven address whose allowance is used up gets no datagram", () => {
  const { paths, relay, direct } = pair();
  direct.tryAt(0);
  direct.allowance = 0;
  assert.deepEqual(paths.forDatagram(0, false), [relay]);
});

test("of several relayed paths the newest proven one is used, and the newest before any is proven", () => {
  const { paths, relay } = pair();
  const newer = addRelay(paths, 0x4002);
  assert.equal(paths.relay, newer);
  prove(relay, 0, 30);
  assert.equal(paths.relay, relay);
  prove(newer, 0, 30);
  assert.equal(paths.relay, newer);
});

test("a 33rd path takes the place of the oldest unproven direct one; relayed and proven paths stay", () => {
  const { paths, relay, direct } = pair();
  prove(direct, 0, 10);
  const others = Array.from({ length: 30 }, (_, index) => add(paths, `192.0.2.9:${5000 + index}`));
  const last = add(paths, "192.0.2.10:4000");
  assert.equal(paths.all.length, 32);
  assert.deepEqual([paths.all[0], paths.all[1], paths.all.at(-1)], [relay, direct, last]);
  assert(others[0]);
  assert.equal(paths.all.includes(others[0]), false);
  for (const path of paths.all) if (!path.proven) prove(path, 0, 10);
  add(paths, "192.0.2.11:4000");
  assert.equal(paths.all.length, 32);
  assert.equal(paths.all.at(-1), last, "there is no room among proven ones");
});

test("a dropped path is used no more", () => {
  const { paths, relay, direct } = pair();
  prove(direct, 0, 10);
  paths.choose();
  paths.drop(({ kind }) => kind === "direct");
  assert.equal(paths.direct, undefined);
  assert.deepEqual(paths.all, [relay]);
  assert.equal(paths.find(direct.route), undefined);
});

test("one remote address on two sockets, or two channels of one server, are different paths", () => {
  const { paths, relay, direct } = pair();
  assert.equal(paths.find({ ...direct.route, port: 2 }), undefined);
  assert.equal(paths.find({ ...relay.route, kind: "relayed", channel: 0x4002 }), undefined);
  assert.equal(paths.find({ ...direct.route }), direct);
  assert.equal(paths.find({ ...relay.route }), relay);
});

function pair(): { paths: Paths; relay: Path; direct: Path } {
  const paths = new Paths();
  return { paths, relay: addRelay(paths, 0x4001), direct: add(paths, "192.0.2.7:4000") };
}

function add(paths: Paths, address: string, { named = false, allowance = Infinity } = {}): Path {
  const remote = addressFromText(address);
  assert(remote);
  const path = new Path({ kind: "direct", port: 1, remote }, named ? "host" : "server-reflexive", allowance, named);
  paths.add(path);
  return path;
}

function addRelay(paths: Paths, channel: number): Path {
  const remote = addressFromText("192.0.2.1:48800");
  assert(remote);
  const path = new Path({ kind: "relayed", port: 1, remote, channel }, "relayed", Infinity, false);
  paths.add(path);
  return path;
}

let nextId = 0;

function prove(path: Path, now: number, rttMs: number): void {
  const id = nextId++;
  path.tryAt(now);
  path.probed(now, id, true);
  assert(path.replied(now + rttMs, id, true));
}

/** `count` probes more, and one that is answered, so that the lost ones are known to be. */
function measure(path: Path, count: number, isLost: (index: number) => boolean): void {
  for (let index = 0; index < count; index++) {
    const id = nextId++;
    path.probed(10_000 + 300 * index, id, true);
    if (!isLost(index)) path.replied(10_010 + 300 * index, id, true);
  }
}
