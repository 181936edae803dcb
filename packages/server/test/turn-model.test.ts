/** TURN against the plainest model of RFC 8656: lists that are looked through from end to end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, addressText, ipText } from "@fractal-punch/machine";
import { Attribute, errorCodeOf, Method, type StunMessage, u32Of, xorAddress } from "@fractal-punch/wire";
import fc from "fast-check";
import { at, load, type Sent } from "./test-server.ts";
import { minted, TurnClient, TurnServer } from "./test-turn.ts";

const clients = ["203.0.113.7:5000", "203.0.113.7:5001", "203.0.113.8:5000"];
/** Two ports of one address, another address, one that is refused, and one of the family that nobody asked for. */
const peers = ["198.51.100.9:7000", "198.51.100.9:7001", "198.51.100.10:7000"];
const strangers = ["10.0.0.1:80", "[2001:db8::9]:7000"];
const limits = { permissionsPerAllocation: 2, channelsPerAllocation: 2 } as const;
const rate = { perSecond: 1e6, burst: 1e6 };

test("whatever is asked and sent in whatever order, the answers and what is relayed are those of the model", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 100, size: "max" }), (steps) => {
      const world = new World();
      for (const [index, one] of steps.entries()) {
        world.server.pass(one.ms);
        world.model.pass(one.ms);
        const label = `step ${index}: ${JSON.stringify(one)}`;
        assert.deepEqual(world.act(one, Uint8Array.of(index, 1, 2)), world.model.act(one, `${index},1,2`), label);
        const { allocations, cells, rules } = world.server.server.sizes;
        assert.deepEqual([allocations, cells], [world.model.size, world.model.size], label);
        const mostRules = 2 * limits.channelsPerAllocation * world.model.size;
        assert.ok(rules <= mostRules, `${rules} rules are left after ${label}`);
        assert.equal(world.server.relays.size, world.model.size, label);
      }
    }),
    { numRuns: 600 },
  );
});

const step = fc.record({
  kind: fc.constantFrom(
    "allocate",
    "again",
    "refresh",
    "permit",
    "permit",
    "bind",
    "bind",
    "send",
    "send",
    "channel",
    "channel",
    "from",
    "from",
  ),
  client: fc.nat(2),
  /** Whom it concerns: peers, strangers, and the relayed addresses of the three clients. */
  whom: fc.array(fc.constantFrom(0, 0, 0, 0, 1, 2, 3, 4, 5, 5, 6, 7), { minLength: 1, maxLength: 2 }),
  number: fc.integer({ min: 0x4001, max: 0x4003 }),
  seconds: fc.constantFrom(undefined, 0, 1, 1200, 99_999, 99_999, 99_999),
  isOther: fc.nat(9).map((tenth) => tenth === 0),
  ms: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.constantFrom(100_000, 299_999, 299_999, 300_000, 300_000)),
});

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** The server, and what it was asked in words. */
class World {
  readonly server = new TurnServer({ limits: { ...limits, unauthenticatedRate: rate } });
  readonly model = new Model();
  readonly #ids = new Map<number, Uint8Array>();

  constructor() {
    const { relays } = this.server;
    this.server.failure = ({ port }) =>
      [...relays.values()].some((used) => used.port === port) ? "EADDRINUSE" : undefined;
  }

  act({ kind, client, whom, number, seconds, isOther }: Step, data: Uint8Array): string[] {
    const { server, model } = this;
    const isAllocate = kind === "allocate" || kind === "again";
    const asking = new TurnClient(server, at(clients[client] ?? ""), minted(isOther && !isAllocate ? "other" : "user"));
    const targets = whom.map((index) => at(model.target(index)));
    const [target = assert.fail()] = targets;
    switch (kind) {
      case "allocate":
      case "again":
        return [this.#allocate(asking, client, kind === "again", seconds)];
      case "refresh":
        return [answerText(asking.refresh(seconds))];
      case "permit":
        return [codeText(asking.permit(...targets))];
      case "bind":
        return [codeText(asking.bind(number, target))];
      case "send":
        return this.#texts(asking.send(target, data));
      case "channel":
        return model.has(client) ? this.#texts(asking.channelData(number, data)) : [];
      case "from":
        return this.#texts(server.fromPeer(target, at(model.relayed(client)), data));
    }
  }

  #allocate(asking: TurnClient, client: number, isAgain: boolean, seconds: number | undefined): string {
    const known = isAgain ? this.#ids.get(client) : undefined;
    const id = known ?? asking.transactionId();
    const answer = asking.ask(
      Method.allocate,
      (builder) => {
        builder.u32(Attribute.requestedTransport, 17 * 0x100_0000);
        if (seconds !== undefined) builder.u32(Attribute.lifetime, seconds);
      },
      id,
    );
    const relayed = xorAddress(answer, Attribute.xorRelayedAddress);
    if (relayed === undefined) return answerText(answer);
    this.#ids.set(client, id);
    this.model.drew = addressText(relayed);
    return answerText(answer);
  }

  #texts(sent: readonly Sent[]): string[] {
    return sent.map(({ port, to, bytes }) => {
      const relay = this.server.relays.get(port);
      return relay ? `${addressText(relay)} > ${addressText(to)} ${bytes.join()}` : clientText(to, bytes);
    });
  }
}

function answerText(answer: StunMessage): string {
  return errorCodeOf(answer) === undefined
    ? `for ${u32Of(answer, Attribute.lifetime)} s`
    : codeText(errorCodeOf(answer));
}

function codeText(code: number | undefined): string {
  return String(code ?? "granted");
}

function clientText(to: Address, bytes: Uint8Array): string {
  const how = bytes[0] === 0x40 ? `#${(bytes[0] << 8) | (bytes[1] ?? 0)}` : undefined;
  if (how !== undefined) return `${how} > ${addressText(to)} ${bytes.slice(4).join()}`;
  const message = load(bytes.slice());
  const peer = xorAddress(message, Attribute.xorPeerAddress);
  return `${peer && addressText(peer)} > ${addressText(to)} ${message.value(Attribute.data)?.join()}`;
}

interface ModelAllocation {
  readonly client: number;
  readonly relayed: string;
  endsAt: number;
  permissions: { readonly ip: string; endsAt: number }[];
  channels: { readonly number: number; readonly peer: string; endsAt: number }[];
}

class Model {
  /** The relayed address that the server gave last. */
  drew = "";
  #now = 0;
  #allocations: ModelAllocation[] = [];
  readonly #relayed = new Map<number, string>();

  get size(): number {
    return this.#allocations.length;
  }

  has(client: number): boolean {
    return this.#of(client) !== undefined;
  }

  /** The last one that the client had, which may have ended. */
  relayed(client: number): string {
    return this.#relayed.get(client) ?? "192.0.2.1:1";
  }

  target(index: number): string {
    return [...peers, ...strangers, ...[0, 1, 2].map((client) => this.relayed(client))][index] ?? "";
  }

  pass(ms: number): void {
    this.#now += ms;
    const isLive = ({ endsAt }: { readonly endsAt: number }): boolean => endsAt > this.#now;
    this.#allocations = this.#allocations.filter(isLive);
    for (const allocation of this.#allocations) {
      allocation.permissions = allocation.permissions.filter(isLive);
      allocation.channels = allocation.channels.filter(isLive);
    }
  }

  act({ kind, client, whom, number, seconds, isOther }: Step, data: string): string[] {
    const allocation = this.#of(client);
    if (kind === "allocate" || kind === "again") return [this.#allocate(client, kind === "again", seconds)];
    const texts = whom.map((index) => this.target(index));
    if (allocation === undefined) return kind === "send" || kind === "channel" || kind === "from" ? [] : ["437"];
    const [target = ""] = texts;
    switch (kind) {
      case "refresh":
        return [isOther ? "441" : this.#refresh(allocation, seconds)];
      case "permit":
        return [isOther ? "441" : this.#permit(allocation, texts)];
      case "bind":
        return [isOther ? "441" : this.#bind(allocation, number, target)];
      case "send":
        return this.#send(allocation, target, data);
      case "channel": {
        const channel = allocation.channels.find((one) => one.number === number);
        return channel ? this.#send(allocation, channel.peer, data) : [];
      }
      case "from":
        return this.#deliver(allocation, target, data);
    }
  }

  #of(client: number): ModelAllocation | undefined {
    return this.#allocations.find((one) => one.client === client);
  }

  #allocate(client: number, isAgain: boolean, seconds: number | undefined): string {
    const known = this.#of(client);
    if (known !== undefined) {
      assert(!isAgain || this.drew === known.relayed);
      return isAgain ? `for ${Math.round((known.endsAt - this.#now) / 1000)} s` : "437";
    }
    assert(!this.#allocations.some(({ relayed }) => relayed === this.drew));
    const lifetime = lifetimeOf(seconds);
    const endsAt = this.#now + lifetime * 1000;
    // Its number may have been another's, whose allocation has ended.
    for (const [other, relayed] of this.#relayed) if (relayed === this.drew) this.#relayed.delete(other);
    this.#relayed.set(client, this.drew);
    this.#allocations.push({ client, relayed: this.drew, endsAt, permissions: [], channels: [] });
    return `for ${lifetime} s`;
  }

  #refresh(allocation: ModelAllocation, seconds: number | undefined): string {
    if (seconds === 0) {
      this.#allocations = this.#allocations.filter((one) => one !== allocation);
      return "for 0 s";
    }
    allocation.endsAt = this.#now + lifetimeOf(seconds) * 1000;
    return `for ${lifetimeOf(seconds)} s`;
  }

  #permit(allocation: ModelAllocation, targets: readonly string[]): string {
    const refusal = targets.map(refusalOf).find((code) => code !== undefined);
    if (refusal !== undefined) return refusal;
    const ips = new Set(targets.map((target) => ipText(at(target))));
    const others = allocation.permissions.filter(({ ip }) => !ips.has(ip));
    if (others.length + ips.size > limits.permissionsPerAllocation) return "508";
    allocation.permissions = [...others, ...[...ips].map((ip) => ({ ip, endsAt: this.#now + 300_000 }))];
    return "granted";
  }

  #bind(allocation: ModelAllocation, number: number, peer: string): string {
    const refusal = refusalOf(peer);
    if (refusal !== undefined) return refusal;
    const touched = allocation.channels.filter((one) => one.number === number || one.peer === peer);
    if (touched.some((one) => one.number !== number || one.peer !== peer)) return "400";
    const others = allocation.channels.filter((one) => !touched.includes(one));
    if (others.length >= limits.channelsPerAllocation || this.#permit(allocation, [peer]) !== "granted") return "508";
    allocation.channels = [...others, { number, peer, endsAt: this.#now + 600_000 }];
    return "granted";
  }

  #send(allocation: ModelAllocation, target: string, data: string): string[] {
    if (!permits(allocation, target)) return [];
    const inside = this.#allocations.find(({ relayed }) => relayed === target);
    if (inside !== undefined) return this.#deliver(inside, allocation.relayed, data);
    return peers.includes(target) ? [`${allocation.relayed} > ${target} ${data}`] : [];
  }

  #deliver(allocation: ModelAllocation, peer: string, data: string): string[] {
    if (!permits(allocation, peer)) return [];
    const channel = allocation.channels.find((one) => one.peer === peer);
    return [`${channel ? `#${channel.number}` : peer} > ${clients[allocation.client]} ${data}`];
  }
}

function permits({ permissions }: ModelAllocation, target: string): boolean {
  return permissions.some(({ ip }) => ip === ipText(at(target)));
}

function refusalOf(target: string): string | undefined {
  if (target.startsWith("[")) return "443";
  return target.startsWith("10.") ? "403" : undefined;
}

function lifetimeOf(seconds: number | undefined): number {
  return Math.min(Math.max(seconds ?? 0, 600), 3600);
}
