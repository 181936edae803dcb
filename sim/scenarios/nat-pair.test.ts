import assert from "node:assert/strict";
import { test } from "node:test";
import {
  fullCone,
  Pair,
  portRestrictedCone,
  type RouterBehaviour,
  restrictedCone,
  symmetric,
  symmetricInBlock,
  symmetricSequential,
} from "@fractal-punch/sim";
import { between, cones, delays } from "./places.ts";

const symmetrics: Record<string, RouterBehaviour> = {
  symmetric,
  "sequential symmetric": symmetricSequential,
  "a carrier's symmetric": symmetricInBlock,
};

for (const [clientName, client] of Object.entries(cones))
  for (const [hostName, host] of Object.entries(cones))
    test(`${clientName} and ${hostName} are direct within two seconds`, () => {
      const pair = tried(client, host);
      assert.deepEqual(pair.paths, ["direct", "direct"]);
      assert.deepEqual(pair.reasons, ["direct", "direct"]);
    });

for (const [clientName, client] of Object.entries(symmetrics))
  for (const [hostName, host] of Object.entries(symmetrics))
    test(`${clientName} and ${hostName} are relayed, and both say that both are symmetric`, () => {
      const pair = tried(client, host);
      assert.deepEqual(pair.paths, ["relayed", "relayed"]);
      assert.deepEqual(pair.reasons, ["both-symmetric", "both-symmetric"]);
    });

for (const [name, nat] of Object.entries(symmetrics)) {
  test(`a client behind ${name} and a host behind a port-restricted cone are relayed, and say whose fault it is`, () => {
    const pair = tried(nat, portRestrictedCone);
    assert.deepEqual(pair.paths, ["relayed", "relayed"]);
    assert.deepEqual(pair.reasons, ["symmetric-here", "symmetric-there"]);
  });

  test(`a client behind a port-restricted cone and a host behind ${name} are relayed, and say whose fault it is`, () => {
    const pair = tried(portRestrictedCone, nat);
    assert.deepEqual(pair.paths, ["relayed", "relayed"]);
    assert.deepEqual(pair.reasons, ["symmetric-there", "symmetric-here"]);
  });

  for (const [coneName, cone] of [
    ["full cone", fullCone],
    ["restricted cone", restrictedCone],
  ] as const) {
    test(`a client behind ${name} and a host behind a ${coneName} are direct, for the cone takes any port`, () => {
      assert.deepEqual(tried(nat, cone).paths, ["direct", "direct"]);
    });

    test(`a client behind a ${coneName} and a host behind ${name} are direct, for the cone takes any port`, () => {
      assert.deepEqual(tried(cone, nat).paths, ["direct", "direct"]);
    });
  }
}

test("two peers with public addresses are direct", () => {
  const pair = new Pair(delays).begin().connected();
  pair.pass(2000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
});

test("a public client and a host behind a symmetric NAT are direct, and the other way round", () => {
  const host = new Pair({ ...delays, host: { ...delays.host, behind: symmetric } }).begin().connected().pass(2000);
  assert.deepEqual(host.paths, ["direct", "direct"]);
  const client = new Pair({ ...delays, client: { ...delays.client, behind: symmetric } }).begin().connected();
  client.pass(2000);
  assert.deepEqual(client.paths, ["direct", "direct"]);
});

/** Two ends behind these routers, three seconds after the client connected, with the application at work. */
function tried(client: RouterBehaviour, host: RouterBehaviour): Pair {
  const pair = new Pair(between(client, host)).begin().connected();
  pair.stream(30, 100);
  pair.pass(3000);
  return pair;
}
