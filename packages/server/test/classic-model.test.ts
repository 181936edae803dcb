/** Both generations over UDP against the plainest model of them: lists that are looked through from end to end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ipText } from "@fractal-punch/machine";
import { defaultLimits, type Limits } from "@fractal-punch/server/core";
import fc from "fast-check";
import { answers, ask, post, text } from "./old-requests.ts";
import { at, TestServer } from "./test-server.ts";

const limits = {
  classicEntries: 7,
  classicEntriesPerAddress: 3,
  classicQueue: 4,
  classicQueuePerAddress: 2,
} as const satisfies Partial<Limits>;
const { classicLifeMs, classicVmLifeMs } = defaultLimits;

test("whatever is asked in whatever order, the server answers as the model does, and keeps as much", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 150, size: "max" }), (steps) => {
      const server = new TestServer({ limits });
      const model = new Model();
      for (const { kind, from, wanted, ms } of steps) {
        server.pass(ms);
        model.pass(ms);
        const source = at(from);
        const sent = answers(server.receive(source, bytesOf(kind, wanted)));
        assert.deepEqual(sent, model.answer(kind, from, wanted), `${kind} from ${from} for ${wanted.join(" ")}`);
        assert.equal(server.server.sizes.classic, model.size);
      }
    }),
    { numRuns: 1000 },
  );
});

const places = ["11.0.0.1", "11.0.1.1", "11.0.2.1"];
const kinds = ["vm", "client", "post", "ask"] as const;
type Kind = (typeof kinds)[number];

const step = fc.record({
  kind: fc.constantFrom(...kinds),
  from: fc.tuple(fc.constantFrom(...places), fc.integer({ min: 1, max: 4 })).map(([ip, port]) => `${ip}:${port}`),
  /** A place, and a public port. */
  wanted: fc.tuple(fc.constantFrom(...places), fc.integer({ min: 1, max: 3 })),
  ms: fc.oneof({ weight: 12, arbitrary: fc.constant(1) }, fc.constantFrom(9_000, 14_000, classicLifeMs, 400_000)),
});

function bytesOf(kind: Kind, [ip, publicPort]: readonly [string, number]): Uint8Array {
  if (kind === "vm") return text("V");
  if (kind === "client") return text(`${ip}C`);
  return kind === "post" ? post(publicPort) : ask(ip, publicPort);
}

interface Entry {
  readonly from: string;
  /** What it waits under, or for. */
  readonly name: string;
  /** Of clients: their place in the order of arrival. */
  readonly arrived: number;
  usedAt: number;
}

/** Lists in the order of last use. */
class Model {
  #now = 0;
  #arrivals = 0;
  #vms: Entry[] = [];
  #clients: Entry[] = [];
  #posts: Entry[] = [];

  get size(): number {
    return this.#vms.length + this.#clients.length + this.#posts.length;
  }

  pass(ms: number): void {
    this.#now += ms;
    const isLive = (lifeMs: number) => (entry: Entry) => this.#now < entry.usedAt + lifeMs;
    this.#vms = this.#vms.filter(isLive(classicVmLifeMs));
    this.#clients = this.#clients.filter(isLive(classicLifeMs));
    this.#posts = this.#posts.filter(isLive(classicLifeMs));
  }

  answer(kind: Kind, from: string, [ip, publicPort]: readonly [string, number]): string[] {
    switch (kind) {
      case "vm":
        return this.#vm(from);
      case "client":
        return this.#client(from, ip);
      case "post":
        return this.#post(from, String(publicPort));
      case "ask":
        return this.#ask(from, ip, publicPort);
    }
  }

  #vm(from: string): string[] {
    const waiting = this.#clients.filter(({ name }) => name === ipOf(from)).toSorted((a, b) => a.arrived - b.arrived);
    const [client] = waiting;
    if (client !== undefined) {
      this.#clients = this.#clients.filter((entry) => entry !== client);
      return introduced(client.from, from);
    }
    if (this.#renew(this.#vms, from, "")) return [];
    const surplus = this.#surplus(this.#vms, from);
    const [oldest] = this.#vms;
    const lapsing =
      this.#isFull(this.#vms) && oldest && oldest.usedAt + classicLifeMs <= this.#now ? oldest : undefined;
    this.#vms = this.#vms.filter((entry) => entry !== (surplus ?? lapsing));
    if (!this.#isFull(this.#vms)) this.#vms.push(this.#entry(from, ""));
    return [];
  }

  #client(from: string, vmIp: string): string[] {
    const vm = this.#vms.findLast((entry) => ipOf(entry.from) === vmIp);
    if (vm !== undefined) {
      this.#vms = this.#vms.filter((entry) => entry !== vm);
      return introduced(from, vm.from);
    }
    if (this.#renew(this.#clients, from, vmIp)) return [];
    const queue = (): Entry[] => this.#clients.filter(({ name }) => name === vmIp);
    const neighbours = queue()
      .filter((entry) => ipOf(entry.from) === ipOf(from))
      .toSorted((a, b) => a.arrived - b.arrived);
    const surplus =
      neighbours.length >= limits.classicQueuePerAddress ? neighbours[0] : this.#surplus(this.#clients, from);
    this.#clients = this.#clients.filter((entry) => entry !== surplus);
    if (queue().length < limits.classicQueue && !this.#isFull(this.#clients))
      this.#clients.push(this.#entry(from, vmIp));
    return [];
  }

  #post(from: string, name: string): string[] {
    if (this.#renew(this.#posts, from, name)) return [];
    const surplus = this.#surplus(this.#posts, from);
    this.#posts = this.#posts.filter((entry) => entry !== surplus);
    if (!this.#isFull(this.#posts)) this.#posts.push(this.#entry(from, name));
    return [];
  }

  #ask(from: string, ip: string, publicPort: number): string[] {
    const found = this.#posts.findLast((entry) => ipOf(entry.from) === ip && entry.name === String(publicPort));
    const answer = `${from}: ${ip} ${found === undefined ? 0 : at(found.from).port} ${publicPort}`;
    if (found === undefined) return [answer];
    return [`${found.from}: ${ipOf(from)} ${at(from).port} 0`, answer];
  }

  #renew(list: Entry[], from: string, name: string): boolean {
    const index = list.findIndex((entry) => entry.from === from && entry.name === name);
    if (index < 0) return false;
    for (const entry of list.splice(index, 1)) list.push(Object.assign(entry, { usedAt: this.#now }));
    return true;
  }

  #surplus(list: readonly Entry[], from: string): Entry | undefined {
    const own = list.filter((entry) => ipOf(entry.from) === ipOf(from));
    return own.length >= limits.classicEntriesPerAddress ? own[0] : undefined;
  }

  #isFull(list: readonly Entry[]): boolean {
    return list.length >= limits.classicEntries;
  }

  #entry(from: string, name: string): Entry {
    return { from, name, arrived: this.#arrivals++, usedAt: this.#now };
  }
}

function introduced(client: string, vm: string): string[] {
  return [`${client}: ${ipOf(vm)} ${at(vm).port} 0`, `${vm}: ${ipOf(client)} ${at(client).port} 0`];
}

function ipOf(endpoint: string): string {
  return ipText(at(endpoint));
}
