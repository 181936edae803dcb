import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, addressText, Recorder } from "@fractal-punch/machine";
import type { Role } from "@fractal-punch/wire";
import { FreshRound } from "../../dist/core/fresh-round.js";
import { PathKeeper } from "../../dist/core/path-keeper.js";
import { at, testContext, unwatchedLink } from "./test-context.ts";

test("a host sends towards the client first, no farther than its own NAT, and then answers", () => {
  const host = new End("host");
  host.asked(0, 0);
  assert.deepEqual(host.take(), ["opens"], "nothing is said before the socket's address is known");
  host.ready(50);
  assert.deepEqual(host.take(), ["sends to 198.51.100.7:1000 with TTL 2", "answers 0: 203.0.113.9:4000"]);
  assert.deepEqual(host.probedAt(), [350], "it probes when the client has sent");
});

test("a host answers repeats, and opens its NAT once in each attempt, one router farther in each", () => {
  const host = new End("host");
  for (const attempt of [0, 1, 2]) {
    host.asked(0, attempt);
    host.ready(0);
    host.asked(100, attempt);
    const farther = `sends to 198.51.100.7:1000 with TTL ${2 + attempt}`;
    const answer = `answers ${attempt}: 203.0.113.9:4000`;
    assert.deepEqual(host.take(), ["opens", farther, answer, answer]);
  }
});

test("repeats of a question do not bring the address that it names more probes", () => {
  const host = new End("host");
  host.asked(0, 0);
  host.ready(50);
  const [path] = host.paths;
  assert(path);
  while (path.spend());
  const { nextProbeAtMs } = path;
  for (let now = 100; now < 10_000; now += 100) host.asked(now, 0);
  assert.deepEqual([path.allowance, path.nextProbeAtMs], [0, nextProbeAtMs]);
});

test("a host takes three attempts at once, and one more every 30 s", () => {
  const host = new End("host");
  for (let attempt = 0; attempt < 1000; attempt++) host.asked(attempt * 60, attempt);
  assert.equal(host.take().length, 3 + 1);
});

test("a repeat that names another address is not answered", () => {
  const host = new End("host");
  host.asked(0, 0);
  host.ready(0);
  host.take();
  host.asked(1, 0, at("198.18.0.1:5000"));
  assert.deepEqual(host.take(), []);
});

test("an attempt that comes late, after the next one, costs that one nothing; their numbers may begin anew", () => {
  const host = new End("host");
  for (const attempt of [65_535, 0]) host.asked(0, attempt);
  host.ready(10);
  host.take();
  host.asked(20, 65_535);
  assert.deepEqual(host.take(), []);
  host.asked(30, 0);
  assert.deepEqual(host.take(), ["answers 0: 203.0.113.9:4000"]);
});

test("an address that no other machine has is not taken, by neither end", () => {
  for (const role of ["host", "client"] as const) {
    const end = new End(role);
    if (role === "client") end.asks(0);
    end.take();
    for (const text of ["127.0.0.1:22", "0.0.0.0:22", "224.0.0.1:22"]) {
      end.asked(0, 0, at(text));
      end.answered(0, 0, at(text));
    }
    assert.deepEqual([end.take(), end.probedAt()], [[], []]);
  }
});

test("a client asks until it is answered, and sends nothing to the host before", () => {
  const client = new End("client");
  client.asks(1000);
  assert.deepEqual(client.take(), ["opens", "asks 0: 203.0.113.9:4000"]);
  client.round.wake(1250, client.out);
  assert.deepEqual(client.take(), ["asks 0: 203.0.113.9:4000"]);
  assert.deepEqual(client.probedAt(), []);
  client.answered(1300, 0);
  client.round.wake(5000, client.out);
  assert.deepEqual([client.take(), client.probedAt()], [[], [1300]]);
});

test("a client takes one answer, and only to the attempt that is going on", () => {
  const client = new End("client");
  client.asks(0);
  client.asks(300);
  client.answered(310, 0);
  assert.deepEqual(client.probedAt(), []);
  client.answered(320, 1);
  client.answered(330, 1, at("198.18.0.1:5000"));
  assert.deepEqual(client.probedAt(), [320]);
});

test("a client tries three times, and once more each minute", () => {
  const client = new End("client");
  for (const now of [0, 300, 600, 900, 59_000, 60_700, 61_000]) client.round.begin(now, 4, client.out);
  assert.deepEqual(client.take(), Array(4).fill("opens"));
});

/** One end, and what it does. */
class End {
  readonly out = new Recorder<never>();
  readonly round: FreshRound;
  readonly #keeper: PathKeeper;
  readonly #context = testContext();
  #log: string[] = [];

  constructor(role: Role) {
    const pathUser = {
      probePacket: () => undefined,
      paddedProbe: () => undefined,
      sendCandidates: () => undefined,
      relayLost: () => undefined,
      directOverdue: () => undefined,
    };
    this.#keeper = new PathKeeper(pathUser, role, true, 0);
    this.round = new FreshRound({
      role,
      keeper: this.#keeper,
      openFreshSocket: () => void this.#log.push("opens"),
      sendFrame: (_now, frame) => {
        assert(frame.kind === "fresh");
        this.#log.push(`${frame.answer ? "answers" : "asks"} ${frame.attempt}: ${addressText(frame.address)}`);
      },
      sendOpener: (_now, { remote }, ttl) => void this.#log.push(`sends to ${addressText(remote)} with TTL ${ttl}`),
      settle: () => undefined,
    });
  }

  take(): string[] {
    const log = this.#log;
    this.#log = [];
    return log;
  }

  /** When the direct paths are to be probed. */
  get paths(): PathKeeper["paths"]["all"] {
    return this.#keeper.paths.all;
  }

  probedAt(): number[] {
    return this.paths.map(({ nextProbeAtMs }) => nextProbeAtMs);
  }

  /** Its new socket has an address. */
  ready(now: number): void {
    const link = unwatchedLink(this.#context, 2);
    this.round.socketReady(now, link, at("203.0.113.9:4000"), this.out);
  }

  asks(now: number): void {
    this.round.begin(now, 4, this.out);
    this.ready(now);
    this.round.wake(now, this.out);
  }

  asked(now: number, attempt: number, address: Address = at("198.51.100.7:1000")): void {
    this.round.receive(now, { kind: "fresh", attempt, answer: false, address }, this.out);
  }

  answered(now: number, attempt: number, address: Address = at("198.51.100.7:1000")): void {
    this.round.receive(now, { kind: "fresh", attempt, answer: true, address }, this.out);
  }
}
