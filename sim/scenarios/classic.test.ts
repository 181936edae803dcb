import assert from "node:assert/strict";
import { test } from "node:test";
import { ipText } from "@fractal-punch/machine";
import { defaultLimits } from "@fractal-punch/server/core";
import { fullCone, portRestrictedCone, type RouterBehaviour } from "@fractal-punch/sim";
import { ClassicScene, metBy, nothingLeft, receivedBy } from "./classic-scene.ts";
import type { OldProgramOptions } from "./old-program.ts";
import { answerText, ask, post, text } from "./old-requests.ts";
import { cones, delays } from "./places.ts";

const { classicLifeMs, classicVmLifeMs } = defaultLimits;
const publicPort = 32_262;
const ways = ["generation 1, the VM first", "generation 1, the client first", "generation 2"] as const;

for (const [clientName, client] of Object.entries(cones))
  for (const [cloudName, cloud] of Object.entries(cones))
    test(`old programs behind ${clientName} and ${cloudName} send each other datagrams, which do not pass the server`, () => {
      for (const way of ways) {
        const meeting = meetingOf(way, { client, cloud });
        meeting.untilMet(10_000);
        const { log } = meeting.scene.world;
        assert.equal(log.filter(({ from }) => from === "server").length, 2, way);
        assert.equal(log.filter(({ target }) => target.port === 48_800).length, 2, way);
      }
    });

for (const way of ways)
  test(`${way}: programs that repeat get together within 20 s where 15 % is lost and 10 % comes twice`, () => {
    for (let seed = 1; seed <= 50; seed++) {
      const line = { lossRate: 0.15, duplicateRate: 0.1 };
      const meeting = meetingOf(way, {
        client: portRestrictedCone,
        cloud: portRestrictedCone,
        seed,
        line,
        repeatMs: 1000,
      });
      meeting.untilMet(20_000);
    }
  });

test("a client that asks five times waits in one place: it is told of one VM, and not of the next", () => {
  const scene = new ClassicScene();
  const client = scene.bare("client", {});
  const [first, second] = [scene.bare("first VM", { address: "198.51.100.1" }), scene.bare("VM", {})];
  for (let i = 0; i < 5; i++) scene.send(client, text("198.51.100.1C"));
  assert.equal(scene.waiting, 1);
  scene.send(first, text("V"));
  scene.send(first, text("V"));
  scene.send(second, text("V"));
  assert.deepEqual([receivedBy(client).length, receivedBy(first).length, receivedBy(second).length], [1, 1, 0]);
});

test("clients that wait for one VM are served in the order in which they first asked, one for each of its requests", () => {
  const scene = new ClassicScene();
  const vm = scene.bare("VM", { address: "198.51.100.1" });
  const clients = ["203.0.113.1", "203.0.113.2", "203.0.113.3"].map((address) => scene.bare(address, { address }));
  for (const client of [...clients, ...clients.toReversed()]) scene.send(client, text("198.51.100.1C"));
  for (let served = 0; served <= 3; served++) {
    assert.deepEqual(
      clients.map((client) => receivedBy(client).length),
      [1, 1, 1].fill(0, served),
    );
    scene.send(vm, text("V"));
  }
  assert.deepEqual(receivedBy(vm).map(answerText), ["203.0.113.1 7000 0", "203.0.113.2 7000 0", "203.0.113.3 7000 0"]);
});

test("a VM's one request is for one client; both are told of each other, the client first", () => {
  const scene = new ClassicScene();
  const vm = scene.bare("VM", { address: "198.51.100.1" });
  const clients = ["203.0.113.1", "203.0.113.2"].map((address) => scene.bare(address, { address }));
  scene.send(vm, text("10.0.0.5V"));
  for (const client of clients) scene.send(client, text("198.51.100.1C"));
  assert.deepEqual(clients.map(receivedBy), [[Uint8Array.of(198, 51, 100, 1, 0x1b, 0x58, 0, 0)], []]);
  assert.deepEqual(receivedBy(vm), [Uint8Array.of(203, 0, 113, 1, 0x1b, 0x58, 0, 0)]);
  const answers = scene.world.log.filter(({ from }) => from === "server");
  assert.deepEqual(
    answers.map(({ to }) => to),
    ["old 203.0.113.1", "old VM"],
  );
});

test("an ASK's client is told of the port that the post came from; the cloud computer is told first, of the client", () => {
  const scene = new ClassicScene();
  const { place, address } = scene.behind("cloud", portRestrictedCone, {});
  const cloud = scene.bare("cloud", place);
  const client = scene.bare("client", { address: "203.0.113.1" });
  scene.send(client, ask(address, publicPort));
  scene.send(cloud, post(publicPort));
  scene.send(client, ask(address, publicPort));
  const [missing, found] = receivedBy(client).map(answerText);
  assert.equal(missing, `${ipText(address)} 0 ${publicPort}`);
  assert.equal(found, `${ipText(address)} 7000 ${publicPort}`);
  assert.deepEqual(receivedBy(cloud).map(answerText), ["203.0.113.1 7000 0"]);
  const answers = scene.world.log.filter(({ from }) => from === "server");
  assert.deepEqual(
    answers.map(({ to }) => to),
    ["old client", "old cloud", "old client"],
  );
});

test("two cloud computers behind one NAT are told apart by their public ports", () => {
  const scene = new ClassicScene();
  const { place, address } = scene.behind("cloud", portRestrictedCone, {});
  const clouds = [scene.bare("first", place), scene.bare("second", place)] as const;
  const client = scene.bare("client", { address: "203.0.113.1" });
  scene.send(clouds[0], post(32_262));
  scene.send(clouds[1], post(32_263));
  scene.send(client, ask(address, 32_263));
  assert.deepEqual(
    clouds.map((cloud) => receivedBy(cloud).length),
    [0, 1],
  );
  // The same inside port at two machines: the NAT gave the second the next one.
  assert.deepEqual(receivedBy(client).map(answerText), [`${ipText(address)} 7001 32263`]);
});

test("a post is forgotten 30 s after the last one, to the millisecond", () => {
  for (const [posts, askedAtMs, found] of [
    [[0], 29_999, true],
    [[0], 30_000, false],
    [[0, 20_000], 49_999, true],
    [[0, 20_000], 50_000, false],
  ] as const) {
    const scene = new ClassicScene();
    const cloud = scene.bare("cloud", { address: "198.51.100.1" });
    const client = scene.bare("client", {});
    for (const atMs of posts) {
      scene.world.run(atMs);
      scene.send(cloud, post(publicPort));
    }
    scene.world.run(askedAtMs);
    scene.send(client, ask(cloudAddress(cloud), publicPort));
    assert.equal(receivedBy(cloud).length, found ? 1 : 0, `asked at ${askedAtMs}`);
    scene.world.run(askedAtMs + classicLifeMs);
    assert.deepEqual(scene.leftovers, nothingLeft);
  }
  assert.equal(classicLifeMs, 30_000);
});

test("a client of generation 1 is forgotten 30 s after it last asked, a VM after 10 minutes, to the millisecond", () => {
  const client = text("198.51.100.1C");
  for (const [first, lifeMs] of [
    ["client", classicLifeMs],
    ["VM", classicVmLifeMs],
  ] as const)
    for (const [lateMs, matched] of [
      [-1, true],
      [0, false],
    ] as const) {
      const scene = new ClassicScene();
      const ends = { client: scene.bare("client", {}), VM: scene.bare("VM", { address: "198.51.100.1" }) };
      const requests = { client, VM: text("V") };
      const second = first === "VM" ? "client" : "VM";
      scene.send(ends[first], requests[first]);
      scene.world.run(5000);
      scene.send(ends[first], requests[first]);
      scene.world.run(5000 + lifeMs + lateMs);
      scene.send(ends[second], requests[second]);
      assert.equal(receivedBy(ends.client).length, matched ? 1 : 0, `the ${first} first, ${lateMs} ms late`);
      assert.equal(receivedBy(ends.VM).length, matched ? 1 : 0);
      scene.world.run(scene.world.now + classicVmLifeMs);
      assert.deepEqual(scene.leftovers, nothingLeft);
    }
  assert.deepEqual([classicLifeMs, classicVmLifeMs], [30_000, 600_000]);
});

test("what is not quite a classic request gets no answer and is not kept", () => {
  const scene = new ClassicScene();
  const stranger = scene.bare("stranger", {});
  const whole = post(publicPort);
  const wrong = [
    new Uint8Array(0),
    whole.subarray(0, 11),
    Uint8Array.of(...whole, 0),
    Uint8Array.of(2, ...whole.subarray(1)),
    post(0),
    ask(scene.server, 0),
    ...["C", "1.2.3C", "1.2.3.256C", "192.0.2.1", "V\0", "1234567890.2.3.4C"].map(text),
  ];
  for (const bytes of wrong) scene.send(stranger, bytes);
  scene.world.run(1000);
  assert.deepEqual([receivedBy(stranger), scene.leftovers], [[], nothingLeft]);
});

test("a server that does not serve the classic protocols answers nothing, and keeps nothing", () => {
  for (const way of ways) {
    const meeting = meetingOf(way, { client: fullCone, cloud: fullCone, classic: false, repeatMs: 1000 });
    meeting.scene.world.run(10_000);
    assert.deepEqual(
      meeting.scene.world.log.filter(({ from }) => from === "server"),
      [],
    );
    assert.deepEqual(meeting.scene.leftovers, nothingLeft);
  }
});

interface MeetingOptions {
  readonly client: RouterBehaviour;
  readonly cloud: RouterBehaviour;
  readonly seed?: number;
  readonly line?: { readonly lossRate: number; readonly duplicateRate: number };
  readonly repeatMs?: number;
  readonly classic?: boolean;
}

interface Meeting {
  readonly scene: ClassicScene;
  /** Runs until both hear each other, and looks whether they are who they should be. */
  untilMet(withinMs: number): void;
}

/** Two old programs of a generation behind routers; the one that comes first has half a second before the other. */
function meetingOf(way: (typeof ways)[number], options: MeetingOptions): Meeting {
  const { seed = 1, line, repeatMs, classic = true } = options;
  const scene = new ClassicScene({ seed, server: { ...delays.server, classic } });
  const cloud = scene.behind("cloud", options.cloud, { ...delays.host, ...line });
  const client = scene.behind("client", options.client, { ...delays.client, ...line });
  const isFirst = way === "generation 2";
  const repeats: Pick<OldProgramOptions, "repeatMs"> = repeatMs === undefined ? {} : { repeatMs };
  const requests = isFirst
    ? { cloud: post(publicPort), client: ask(cloud.address, publicPort) }
    : { cloud: text("10.0.0.5V"), client: text(`${ipText(cloud.address)}C`) };
  const start = (name: "cloud" | "client"): ReturnType<ClassicScene["program"]> =>
    scene.program(name, { cloud, client }[name].place, { request: requests[name], ...repeats });
  const order =
    way === "generation 1, the client first" ? (["client", "cloud"] as const) : (["cloud", "client"] as const);
  const first = start(order[0]);
  scene.world.run(500);
  const second = start(order[1]);
  const [cloudNode, clientNode] = order[0] === "cloud" ? [first, second] : [second, first];
  return {
    scene,
    untilMet: (withinMs) => {
      const { world } = scene;
      world.runUntil(() => metBy(cloudNode).length > 0 && metBy(clientNode).length > 0, world.now + withinMs);
      assert.deepEqual([metBy(cloudNode), metBy(clientNode)], [[ipText(client.address)], [ipText(cloud.address)]]);
    },
  };
}

function cloudAddress(cloud: ReturnType<ClassicScene["bare"]>): ClassicScene["server"] {
  const [address] = cloud.addresses;
  assert.ok(address);
  return address;
}
