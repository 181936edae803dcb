import assert from "node:assert/strict";
import { test } from "node:test";
import {
  firewall,
  fullCone,
  ipAddress,
  Pair,
  portRestrictedCone,
  type Router,
  symmetric,
  World,
} from "@fractal-punch/sim";
import { delays } from "./places.ts";

/** The server is so far from the client that the host's word comes before the server's. */
const far = { delayMs: 150 };

test("what is sent as soon as there are keys waits until there is a path to send it on", () => {
  const { pair } = fullConeClient();
  pair.echo().sendOnceConnected("hello").connected();
  pair.pass(1000);
  assert.deepEqual(
    pair.replies.map(({ text }) => text),
    ["hello"],
  );
});

test("the client's router gets another address between the host's word and the server's: direct and relayed again in ten seconds", () => {
  const { pair, home } = fullConeClient();
  pair.connected();
  home.renumber([ipAddress("198.51.100.77")]);
  pair.stream(300, 100);
  pair.pass(15_000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
  pair.world.cut(pair.client, pair.host);
  pair.untilPath("relayed", 3000);
});

test("the client's router gets another address while the client comes back to a host that was restarted: a session again in eight seconds", () => {
  const { pair, home } = fullConeClient({ delayMs: 0 });
  pair.connected().pass(3000);
  pair.stream(2000, 10);
  pair.startHost();
  pair.world.runUntil(() => isComingBack(pair), pair.world.now + 5000);
  // The server's first answer is there, and a host that has forgotten the session answers no resume.
  pair.pass(80);
  home.renumber([ipAddress("198.51.100.77")]);
  pair.pass(8000);
  const before = pair.requests.length;
  pair.pass(2000);
  assert.ok(pair.requests.length >= before + 195, `${pair.requests.length - before} of 200`);
});

test("IPv6 behind firewalls, IPv4 symmetric, and the host's firewall forgets before the client is proven: direct in ten seconds", () => {
  const world = new World({ seed: 1 });
  const away = [world.nat("host's home", symmetric, delays.host), world.nat("host's firewall", firewall, delays.host)];
  const home = [world.nat("home", symmetric, delays.client), world.nat("firewall", firewall, delays.client)];
  const server = { ...delays.server, address: ["192.0.2.1", "2001:db8::1"] };
  const pair = new Pair({ server, client: { behind: home }, host: { behind: away } }, world);
  pair.begin();
  // What the host may send to an address that is not proven yet, it sends.
  pair.host.onEvent((event) => {
    if (event.type === "session") pair.streamBack(2, 5);
  });
  pair.connected();
  for (const router of away) router.reboot();
  pair.stream(100, 100);
  pair.pass(10_000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
});

test("a relayed round trip above two seconds is learnt, and the client introduces itself no more", () => {
  const farther = { delayMs: 400 };
  const ends = { client: { ...farther, behind: symmetric }, host: { ...delays.host, behind: symmetric } };
  const pair = new Pair({ server: farther, ...ends }).begin().connected();
  pair.stream(600, 100);
  pair.pass(20_000);
  const after = pair.world.now;
  pair.pass(40_000);
  const connects = pair.world.log.filter(({ from, lengthBytes }) => from === "client" && lengthBytes === 1200);
  assert.deepEqual(
    connects.filter(({ sentAtMs }) => sentAtMs > after),
    [],
  );
});

test("the server comes back after it left a direct session without a relay: there is one within five seconds", () => {
  const { pair } = fullConeClient({ delayMs: 0 });
  pair.world.cutOneWay(pair.server, pair.client);
  pair.connected();
  pair.stream(300, 100);
  pair.pass(11_000);
  pair.world.heal(pair.server, pair.client);
  pair.pass(5000);
  pair.world.cut(pair.client, pair.host);
  pair.untilPath("relayed", 3000);
});

function isComingBack(pair: Pair): boolean {
  const toServer = pair.world.log.filter(({ from, to }) => from === "client" && to === "server");
  return toServer
    .slice(-20)
    .some(({ lengthBytes, sentAtMs }) => lengthBytes === 1200 && sentAtMs > pair.world.now - 80);
}

function fullConeClient(detour = far): { pair: Pair; home: Router } {
  const world = new World({ seed: 1 });
  const home = world.nat("home", fullCone, delays.client);
  const ends = { client: { behind: home }, host: { ...delays.host, behind: portRestrictedCone } };
  const pair = new Pair({ server: delays.server, ...ends }, world);
  world.impair(pair.client, pair.server, detour);
  return { pair: pair.begin(), home };
}
