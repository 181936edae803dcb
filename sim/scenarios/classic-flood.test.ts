import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, ipText, withPort } from "@fractal-punch/machine";
import { defaultLimits } from "@fractal-punch/server/core";
import { type Pair, portRestrictedCone } from "@fractal-punch/sim";
import { endpoint } from "./attacker.ts";
import { ClassicScene, metBy, nothingLeft } from "./classic-scene.ts";
import { ask, post, text } from "./old-requests.ts";
import { between, delays, missing, twice } from "./places.ts";

const publicPort = 32_262;
const floodMs = 10_000;
/** How many tables of buckets the server may fill. */
const bucketTables = 12;
const limits = { ...defaultLimits, classicEntries: 1000, streams: 500, buckets: 2000 };

type Sizes = NonNullable<Pair["serverSizes"]>;
type Flood = (scene: ClassicScene) => (i: number) => void;

const floods: Record<string, { readonly each: Flood; readonly holds: (sizes: Sizes) => void }> = {
  "posts from one address": {
    each: (scene) => (i) => scene.world.forge(withPort(endpoint("203.0.113.66:1"), 1 + i), scene.server, post(1 + i)),
    holds: ({ classic }) => assert.ok(classic <= limits.classicEntriesPerAddress + 1, `${classic} entries`),
  },
  "posts from all addresses": {
    each: (scene) => (i) => scene.world.forge(stranger(i), scene.server, post(publicPort)),
    holds: ({ classic }) => assert.equal(classic, limits.classicEntries),
  },
  "requests of VMs from all addresses": {
    each: (scene) => (i) => scene.world.forge(stranger(i), scene.server, text("V")),
    holds: ({ classic }) => assert.ok(classic <= limits.classicEntries + 1, `${classic} entries`),
  },
  "requests of clients for all addresses": {
    each: (scene) => (i) => scene.world.forge(stranger(i), scene.server, text(`${ipText(stranger(i))}C`)),
    holds: ({ classic }) => assert.ok(classic <= limits.classicEntries + 1, `${classic} entries`),
  },
  "ASKs for what is not there": {
    each: (scene) => (i) => scene.world.forge(stranger(i), scene.server, ask(stranger(i), 1)),
    holds: ({ classic }) => assert.ok(classic <= 1, `${classic} entries`),
  },
  "connections from one address": {
    each: (scene) => {
      const flooder = scene.bare("flooder", { address: "203.0.113.66" });
      return () => flooder.dial(scene.server).write(post(publicPort));
    },
    holds: ({ classic, streams }) => {
      assert.ok(classic <= limits.classicEntriesPerAddress + 1, `${classic} entries`);
      assert.ok(streams <= limits.streamsPerAddress, `${streams} streams`);
    },
  },
  "connections from many addresses": {
    each: (scene) => {
      const flooders = Array.from({ length: 100 }, (_, i) => scene.bare(`flooder ${i}`, { address: `100.64.${i}.66` }));
      return (i) => flooders[i % flooders.length]?.dial(scene.server).write(new Uint8Array(1));
    },
    holds: ({ streams }) => assert.equal(streams, limits.streams),
  },
};

for (const [name, flood] of Object.entries(floods))
  test(`a flood of ${name} fills no more than its share, and neither sessions nor an old program that was there notice`, () => {
    const scene = floodedScene();
    const { pair, world } = scene;
    const cloud = scene.behind("cloud", portRestrictedCone, delays.host);
    const staysKnown = { request: post(publicPort), repeatMs: 5000, staysKnown: true };
    const poster = scene.program("cloud", cloud.place, staysKnown);
    world.run(world.now + 1000);
    const next = flood.each(scene);
    for (let i = 0; i < floodMs; i++) world.after(i, () => next(i));
    pair.connected();
    pair.stream(500, 10);
    pair.streamBack(500, 10);
    pair.pass(floodMs - 2000);
    const sizes = pair.serverSizes;
    assert.ok(sizes);
    flood.holds(sizes);
    assert.ok(sizes.buckets <= limits.buckets * bucketTables, `${sizes.buckets} buckets`);
    const asker = scene.program("client", scene.behind("client", portRestrictedCone, delays.client).place, {
      request: ask(cloud.address, publicPort),
    });
    world.runUntil(() => metBy(poster).length === 1 && metBy(asker).length === 1, world.now + 2000);
    expectUndisturbed(pair);
  });

test("what a flood has left at the server is gone when its time is over", () => {
  for (const { each } of Object.values(floods)) {
    const scene = new ClassicScene({ server: { limits } });
    const next = each(scene);
    for (let i = 0; i < 2000; i++) scene.world.after(i, () => next(i));
    scene.world.run(2000 + limits.classicVmLifeMs);
    assert.deepEqual(scene.leftovers, nothingLeft);
  }
});

/** A host and a client behind cones, connected directly, and a server with small tables. */
function floodedScene(): ClassicScene {
  const options = between(portRestrictedCone, portRestrictedCone, { server: { ...delays.server, limits } });
  const scene = new ClassicScene(options);
  scene.pair.startHost();
  scene.world.runUntil(() => scene.pair.hostEvents("registered").length > 0, 15_000);
  return scene;
}

function expectUndisturbed(pair: Pair): void {
  assert.deepEqual(pair.paths, ["direct", "direct"]);
  for (const received of [pair.requests, pair.replies])
    assert.deepEqual([missing(received, 500), twice(received)], [[], []]);
}

/** One of as many different /24s. */
function stranger(i: number): Address {
  return endpoint(`${11 + (i >> 16)}.${(i >> 8) & 0xff}.${i & 0xff}.9:5000`);
}
