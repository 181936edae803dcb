/**
 * A virtual internet with a seed and a clock of its own. Nodes hang on a middle, directly or behind routers; machines
 * run in them unchanged. The same seed and the same calls give the same world, datagram for datagram.
 */
import type { Abilities, Address, Machine } from "@fractal-punch/machine";
import { Datagram, type Happening, type Station } from "./datagram.ts";
import type { DatagramEntry } from "./datagram-log.ts";
import { Link, type LinkOptions } from "./link.ts";
import type { RouterBehaviour } from "./nat-behaviour.ts";
import { Node } from "./node.ts";
import { Prng } from "./prng.ts";
import type { Router } from "./router.ts";
import { type Place, type RouterOptions, Topology } from "./topology.ts";
import { ruleKey, Traffic, type Watcher } from "./traffic.ts";

export interface WorldOptions {
  /** Any safe integer. */
  readonly seed: number;
  /** Keep an entry for each datagram: on when not given. A swarm of worlds does without. */
  readonly log?: boolean;
  /** Keep each node's events: on when not given. */
  readonly events?: boolean;
}

export interface NodeOptions<Command, Event> extends Place {
  /** Runs from the start; without it the node waits for `start`. */
  readonly machine?: Machine<Command, Event>;
  /** How far the node's wall clock is off, in ms; negative when it is slow. */
  readonly clockOffsetMs?: number;
  /** What the node's driver can; everything when not given. */
  readonly abilities?: Abilities;
}

/** The wall clock at time 0: 2027-01-15, 08:00 UTC. */
export const worldEpochMs = 1_800_000_000_000;

const hourMs = 3_600_000;
const maxStepsAtOnce = 1_000_000;
const wireTtl = 64;
const allAbilities: Abilities = { ttl: true, dontFragment: true, ecn: true, localAddress: true };

export class World {
  readonly seed: number;
  readonly #traffic: Traffic;
  readonly #topology: Topology;
  readonly #prng: Prng;
  readonly #keepsEvents: boolean;
  readonly #nodes: Map<string, Station> = new Map();
  #stepsAtOnce = 0;
  readonly #routers: Map<string, Router> = new Map();

  constructor(options: WorldOptions) {
    this.seed = options.seed;
    this.#prng = new Prng(options.seed);
    this.#traffic = new Traffic(options.log ?? true);
    this.#keepsEvents = options.events ?? true;
    this.#topology = new Topology(this.#traffic, this.#prng);
  }

  /** ms since the world began. */
  get now(): number {
    return this.#traffic.now;
  }

  /** Every datagram that was sent so far, in order; empty when the log is off. */
  get log(): readonly DatagramEntry[] {
    return this.#traffic.log ?? [];
  }

  /** A stream of randomness for `name`, for machines and for choices of a scenario. */
  random(name: string): Prng {
    return this.#prng.named(`random ${name}`);
  }

  /** Adds a router, which may be a NAT or a firewall. */
  nat(name: string, behaviour: RouterBehaviour, options: RouterOptions = {}): Router {
    if (this.#routers.has(name)) throw new Error(`the world has a router ${name} already`);
    const router = this.#topology.router(name, behaviour, options);
    this.#routers.set(name, router);
    return router;
  }

  /** Adds a node, and starts its machine when one is given. */
  node<Command, Event>(name: string, options: NodeOptions<Command, Event>): Node<Command, Event> {
    if (this.#nodes.has(name)) throw new Error(`the world has a node ${name} already`);
    const { machine, clockOffsetMs = 0, abilities = allAbilities, ...place } = options;
    const node = new Node<Command, Event>({
      name,
      traffic: this.#traffic,
      topology: this.#topology,
      prng: this.#prng.named(`node ${name}`),
      place,
      abilities,
      epochMs: worldEpochMs + clockOffsetMs,
      keepsEvents: this.#keepsEvents,
      forwards: this.seed % 2 === 0,
    });
    this.#nodes.set(name, node);
    if (machine !== undefined) node.start(machine);
    return node;
  }

  /** Lets nothing pass between two nodes any more, in both directions. */
  cut(a: Station, b: Station): void {
    this.cutOneWay(a, b);
    this.cutOneWay(b, a);
  }

  /** Lets nothing pass from one node to another. */
  cutOneWay(from: Station, to: Station): void {
    this.#traffic.rules.set(ruleKey(from, to), "cut");
  }

  /** Puts a further link between two nodes, in each direction: loss or delay that others do not have. */
  impair(a: Station, b: Station, options: LinkOptions): void {
    for (const key of [ruleKey(a, b), ruleKey(b, a)])
      this.#traffic.rules.set(key, new Link(options, this.#prng.named(`rule ${key} ${this.now}`)));
  }

  /** Takes away what `cut` and `impair` did between two nodes. */
  heal(a: Station, b: Station): void {
    this.#traffic.rules.delete(ruleKey(a, b));
    this.#traffic.rules.delete(ruleKey(b, a));
  }

  /** Lets a checker see everything from now on. */
  watch(watcher: Watcher): void {
    this.#traffic.watchers.push(watcher);
  }

  /** Does something at a time of the world, in ms. */
  at(atMs: number, action: () => void): void {
    if (atMs < this.now) throw new RangeError(`${atMs} ms is past: the world is at ${this.now} ms`);
    this.#traffic.queue.push(atMs, { happen: action });
  }

  /** Does something `afterMs` from now. */
  after(afterMs: number, action: () => void): void {
    this.at(this.now + afterMs, action);
  }

  /** Puts a datagram with any source address into the middle, as one who can forge addresses does. */
  forge(source: Address, target: Address, bytes: Uint8Array): void {
    const { middle } = this.#topology;
    const datagram = new Datagram(forger, source, target, this.#traffic.buffers.copyOf(bytes), wireTtl, middle, 0);
    this.#traffic.sent(datagram);
    middle.arrive(datagram);
  }

  /**
   * Lets everything happen that is due up to `untilMs`, which is the time then. A time that never comes (`Infinity`) is
   * a scenario without an end: it throws after an hour, and says what was still waiting.
   */
  run(untilMs: number): void {
    if (!Number.isFinite(untilMs)) this.runUntil(() => false);
    const { queue } = this.#traffic;
    while (queue.nextAt() <= untilMs) this.#step();
    if (untilMs > this.now) this.#traffic.now = untilMs;
  }

  /**
   * Runs until `predicate` holds, and returns the time. Throws when it does not by `latestMs`, or within an hour,
   * and says what was still waiting then.
   */
  runUntil(predicate: () => boolean, latestMs: number = Infinity): number {
    const { queue } = this.#traffic;
    const deadlineMs = Math.min(latestMs, this.now + hourMs);
    while (!predicate()) {
      if (queue.nextAt() <= deadlineMs) {
        this.#step();
        continue;
      }
      if (deadlineMs > this.now) this.#traffic.now = deadlineMs;
      throw new Error(`seed ${this.seed}: it did not come to pass by ${deadlineMs} ms. ${this.waiting()}`);
    }
    return this.now;
  }

  /** What is going to happen next, in words. */
  waiting(): string {
    const nodes = [...this.#nodes.values()].map((node) => {
      const at = node.nextWake();
      return at === Infinity ? `${node.name} waits for nothing` : `${node.name} wakes at ${at} ms`;
    });
    const { queue } = this.#traffic;
    const next = queue.length === 0 ? "nothing is under way" : `${queue.length} things are under way`;
    return `${[...nodes, next].join("; ")}.`;
  }

  #step(): void {
    const { queue } = this.#traffic;
    const at = queue.nextAt();
    const happening: Happening | undefined = queue.pop();
    if (at > this.#traffic.now) {
      this.#traffic.now = at;
      this.#stepsAtOnce = 0;
    } else if (++this.#stepsAtOnce > maxStepsAtOnce) {
      throw new Error(`seed ${this.seed}: time stands still at ${at} ms; give lines a delay. ${this.waiting()}`);
    }
    happening?.happen();
  }
}

/** Where forged datagrams come from. */
const forger: Station = { name: "forger", nextWake: () => Infinity };
