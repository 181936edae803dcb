/** What no NAT may ever do, whatever it is asked, against a reference that only remembers what was sent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, addressText, sameAddress } from "@fractal-punch/machine";
import {
  type Dependence,
  firewall,
  fullCone,
  linuxHomeRouter,
  linuxMasquerade,
  newTranslator,
  type PortAllocation,
  Prng,
  type RouterBehaviour,
  type Translator,
} from "@fractal-punch/sim";
import fc from "fast-check";
import { at } from "./bare-node.ts";

test("no outside port is two inside sockets' at once towards one remote", () => {
  checkAlways((history, step) => {
    if (step.kind !== "out" || typeof step.answer === "string") return;
    for (const other of history.alive(step.now))
      if (!sameAddress(other.inside, step.inside) && sameAddress(other.outside, step.answer))
        assert.ok(!sameAddress(other.remote, step.remote), `${addressText(step.answer)} is shared`);
  });
});

test("nothing comes in but for a socket that used that port, and to a remote that the filter takes for this one", () => {
  checkAlways((history, step) => {
    if (step.kind !== "in" || typeof step.answer === "string") return;
    const { answer } = step;
    const permits = history
      .alive(step.now)
      .some(
        (sent) =>
          sameAddress(sent.inside, answer) &&
          sameAddress(sent.outside, step.outside) &&
          matches(history.filtering, sent.remote, step.remote),
      );
    assert.ok(permits, `${addressText(step.remote)} came in to ${addressText(answer)} without a permit`);
  });
});

test("an answer that comes at once reaches the socket that asked", () => {
  checkAlways((history, step) => {
    if (step.kind !== "out" || typeof step.answer === "string") return;
    assert.deepEqual(history.nat.inbound(step.now, step.answer, step.remote), step.inside);
  });
});

test("a mapping is the same for as long as it lives, as widely as its dependence says", () => {
  checkAlways((history, step) => {
    if (step.kind !== "out" || typeof step.answer === "string" || history.behaviour.kind !== "nat") return;
    const { mapping } = history.behaviour;
    for (const sent of history.alive(step.now))
      if (sameAddress(sent.inside, step.inside) && matches(mapping, sent.remote, step.remote))
        assert.deepEqual(step.answer, sent.outside);
  });
});

test("the table never exceeds its limit", () => {
  checkAlways((history) => assert.ok(history.nat.size <= maxSessions));
});

test("after its lifetime a NAT has forgotten everything", () => {
  checkAlways((history, step, isLast) => {
    if (!isLast) return;
    const later = step.now + maxLifetimeMs;
    for (const sent of history.sent) {
      assert.equal(typeof history.nat.inbound(later, sent.outside, sent.remote), "string");
      assert.equal(
        history.nat.owner(later, sent.outside, sent.remote),
        history.keepsAddress ? sent.outside : undefined,
      );
    }
  });
});

/** Few sockets, remotes and entries, so that they collide. */
const maxSessions = 5;
const insides = ["192.168.1.2:5000", "192.168.1.2:5001", "192.168.1.3:5000", "192.168.1.4:5000"].map((text) =>
  at(text),
);
const remotes = ["192.0.2.1:1000", "192.0.2.1:2000", "192.0.2.2:1000", "192.0.2.3:3000"].map((text) => at(text));
const lifetimeMs = 100;
const repliedMs = 300;
const maxLifetimeMs = 300;

type Step =
  | {
      readonly kind: "out";
      readonly now: number;
      readonly inside: Address;
      readonly remote: Address;
      readonly answer: Address | string;
    }
  | {
      readonly kind: "in";
      readonly now: number;
      readonly outside: Address;
      readonly remote: Address;
      readonly answer: Address | string;
    };

interface Sent {
  readonly inside: Address;
  readonly outside: Address;
  readonly remote: Address;
  expiresAtMs: number;
}

/** All that was sent out, with the last time at which it may still be answered. */
class History {
  readonly behaviour: RouterBehaviour;
  readonly nat: Translator;
  readonly sent: Sent[] = [];

  constructor(behaviour: RouterBehaviour) {
    this.behaviour = behaviour;
    this.nat = newTranslator(behaviour, [at("198.51.100.7:0"), at("198.51.100.8:0")], new Prng(5));
  }

  get filtering(): Dependence {
    const { behaviour } = this;
    return "filtering" in behaviour ? behaviour.filtering : "address-and-port-dependent";
  }

  get keepsAddress(): boolean {
    return this.behaviour.kind === "firewall";
  }

  alive(now: number): Sent[] {
    return this.sent.filter(({ expiresAtMs }) => expiresAtMs > now);
  }

  note(step: Step): void {
    if (typeof step.answer === "string") return;
    if (step.kind === "out") {
      const { inside, remote, answer } = step;
      const known = this.alive(step.now).find(
        (sent) => sameAddress(sent.inside, inside) && sameAddress(sent.remote, remote),
      );
      if (known === undefined) this.sent.push({ inside, outside: answer, remote, expiresAtMs: step.now + lifetimeMs });
      else known.expiresAtMs = Math.max(known.expiresAtMs, step.now + lifetimeMs);
      return;
    }
    const { answer } = step;
    for (const sent of this.alive(step.now)) {
      if (!sameAddress(sent.inside, answer) || !sameAddress(sent.outside, step.outside)) continue;
      if (matches(this.filtering, sent.remote, step.remote)) this.#refresh(sent, step.now);
    }
  }

  #refresh(sent: Sent, now: number): void {
    const { behaviour } = this;
    if (behaviour.kind === "linux") sent.expiresAtMs = now + repliedMs;
    else if ("refresh" in behaviour && behaviour.refresh === "both") sent.expiresAtMs = now + lifetimeMs;
  }
}

function matches(dependence: Dependence, a: Address, b: Address): boolean {
  if (dependence === "endpoint-independent") return true;
  return dependence === "address-dependent" ? a.ip === b.ip : sameAddress(a, b);
}

function behaviours(): fc.Arbitrary<RouterBehaviour> {
  const dependence = fc.constantFrom<Dependence>(
    "endpoint-independent",
    "address-dependent",
    "address-and-port-dependent",
  );
  const ports = fc.constantFrom<PortAllocation>(
    { kind: "preserving" },
    { kind: "sequential", step: 1 },
    { kind: "random" },
    { kind: "random-in-block", sizePorts: 2 },
  );
  const nat = fc.record({
    mapping: dependence,
    filtering: dependence,
    ports,
    refresh: fc.constantFrom<"outbound" | "both">("outbound", "both"),
    pooling: fc.constantFrom<"paired" | "arbitrary">("paired", "arbitrary"),
  });
  return fc.oneof(
    { weight: 6, arbitrary: nat.map((part) => ({ ...fullCone, ...part, lifetimeMs, maxSessions })) },
    fc
      .constantFrom(linuxMasquerade, linuxHomeRouter)
      .map((linux) => ({ ...linux, unrepliedMs: lifetimeMs, repliedMs, maxSessions })),
    dependence.map((filtering) => ({ ...firewall, filtering, lifetimeMs, maxSessions })),
  );
}

/** Steps as numbers: what to do, who, whom, and how much later. */
const plans = fc.array(fc.tuple(fc.nat(2), fc.nat(3), fc.nat(3), fc.constantFrom(0, 1, 30, 60, 100)), {
  maxLength: 60,
  minLength: 1,
});

/** Runs random histories of random NATs, and looks at each step before it is noted. */
function checkAlways(look: (history: History, step: Step, isLast: boolean) => void): void {
  fc.assert(
    fc.property(behaviours(), plans, (behaviour, plan) => {
      const history = new History(behaviour);
      let now = 0;
      for (const [index, [what, who, whom, laterMs]] of plan.entries()) {
        now += laterMs;
        const step = what < 2 ? goOut(history, now, who, whom) : comeIn(history, now, who, whom);
        look(history, step, index === plan.length - 1);
        history.note(step);
      }
    }),
    { numRuns: 300 },
  );
}

function goOut(history: History, now: number, who: number, whom: number): Step {
  const inside = insides[who] ?? at("0.0.0.0:0");
  const remote = remotes[whom] ?? at("0.0.0.0:0");
  return { kind: "out", now, inside, remote, answer: history.nat.outbound(now, inside, remote) };
}

/** To a port that was given out once, if there is any. */
function comeIn(history: History, now: number, who: number, whom: number): Step {
  const outside = history.sent.at(-1 - who)?.outside ?? at("198.51.100.7:5000");
  const remote = remotes[whom] ?? at("0.0.0.0:0");
  return { kind: "in", now, outside, remote, answer: history.nat.inbound(now, outside, remote) };
}
