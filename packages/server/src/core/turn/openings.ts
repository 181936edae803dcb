/**
 * Allocations whose ports are being opened (RFC 8656 section 7.2): the system answers after the call, and a port that is
 * taken is drawn again.
 */
import { type Outbox, type PortId, type Random, randomBelow } from "@fractal-punch/machine";
import type { ServerEvent } from "../events.ts";
import type { Question } from "../question.ts";
import type { Tuple } from "../tuples.ts";
import type { Allocation, RefusedFamily, Relay } from "./allocation.ts";
import type { Asker } from "./asker.ts";
import type { Wanted } from "./wanted.ts";

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** A port that is taken is drawn again, so many times in all. */
const maxTries = 32;

/** Above the ids of all ports that a server opens at its start. */
const firstRelayPort = 1_000_000;

export function isRelayPort(port: PortId): boolean {
  return port >= firstRelayPort;
}

export class Opening {
  readonly allocation: Allocation;
  readonly asker: Asker;
  /** Owns its bytes: it is answered later. */
  readonly question: Question;
  readonly lifetimeMs: number;
  readonly relays: Relay[] = [];
  /** What is to be opened, the first of it now. */
  readonly wanted: Wanted[];
  /** The port above the relay's, which is to be kept. */
  kept: Relay | undefined;
  refusedFamily: RefusedFamily | undefined;
  tries: number = 0;
  /** The port that is being opened. */
  port: PortId | undefined;

  constructor(allocation: Allocation, asker: Asker, question: Question, lifetimeMs: number, wanted: Wanted[]) {
    this.allocation = allocation;
    this.asker = asker;
    this.question = question;
    this.lifetimeMs = lifetimeMs;
    this.wanted = wanted;
  }
}

export class Openings {
  readonly #range: PortRange;
  readonly #byPort = new Map<PortId, Opening>();
  readonly #byTuple = new Map<Tuple, Opening>();
  #nextPort = firstRelayPort;

  constructor(range: PortRange) {
    this.#range = range;
  }

  get size(): number {
    return this.#byTuple.size;
  }

  on(tuple: Tuple): Opening | undefined {
    return this.#byTuple.get(tuple);
  }

  /** Tries a port for what is wanted first; false when it was tried often enough. `isTaken`: by a port of this server. */
  tryNext(opening: Opening, random: Random, isTaken: (port: number) => boolean, out: Outbox<ServerEvent>): boolean {
    const [wanted] = opening.wanted;
    if (wanted === undefined || opening.tries >= maxTries) return false;
    opening.tries++;
    const id = this.takeId();
    this.#byPort.set(id, opening);
    this.#byTuple.set(opening.allocation.tuple, opening);
    opening.port = id;
    const above = (opening.relays.at(-1)?.address.port ?? 0) + 1;
    const port = wanted.port === "kept" ? above : this.#draw(random, wanted.port, isTaken);
    const { transport } = opening.allocation;
    out.openPort(id, { transport, family: wanted.family, port, lean: true });
    return true;
  }

  /** A number for a port of the relay. */
  takeId(): PortId {
    return this.#nextPort++;
  }

  /** The opening that waits for that port, which it waits for no more. */
  take(port: PortId): Opening | undefined {
    const opening = this.#byPort.get(port);
    this.#byPort.delete(port);
    return opening;
  }

  end(opening: Opening): void {
    this.#byTuple.delete(opening.allocation.tuple);
  }

  /** Closes what is open of it, and what is being opened. */
  abandon(opening: Opening, out: Outbox<ServerEvent>): void {
    this.end(opening);
    for (const relay of opening.relays) out.closePort(relay.port);
    if (opening.port === undefined || this.take(opening.port) === undefined) return;
    out.closePort(opening.port);
  }

  /** Random, so that nobody can guess another's (RFC 8656 section 5). */
  #draw(random: Random, port: Wanted["port"], isTaken: (port: number) => boolean): number {
    const step = port === "any" ? 1 : 2;
    const first = this.#range.first + (step === 2 ? this.#range.first % 2 : 0);
    const last = this.#range.last - (port === "pair" ? 1 : 0);
    const draw = (): number => first + step * randomBelow(random, Math.floor((last - first) / step) + 1);
    let drawn = draw();
    for (let tries = 1; tries < maxTries && isTaken(drawn); tries++) drawn = draw();
    return drawn;
  }
}
