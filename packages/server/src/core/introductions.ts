/**
 * Records of introductions (docs/protocol.md section 5): they make a repeated Connect find its channels again, and a
 * replayed one nothing.
 */
import { type AddressKey, addressKey, type Deadline, type Deadlines, type PortId } from "@fractal-punch/machine";
import { asciiText } from "@fractal-punch/wire";
import type { Pair } from "./channels.ts";
import type { Limits } from "./limits.ts";
import type { Timed } from "./timed.ts";
import type { Tuple } from "./tuples.ts";

/** The one 5-tuple of a family that this introduction is for. Its pair may have ended. */
export interface IntroductionLeg {
  readonly port: PortId;
  readonly address: AddressKey;
  pair: Pair;
}

export class Introduction {
  readonly kind = "introduction";
  readonly id: string;
  leg4: IntroductionLeg | undefined;
  leg6: IntroductionLeg | undefined;
  readonly deadline: Deadline<Timed>;

  constructor(id: string, deadlines: Deadlines<Timed>) {
    this.id = id;
    this.deadline = deadlines.create(this, "introduction forgotten");
  }

  leg(family: 4 | 6): IntroductionLeg | undefined {
    return family === 4 ? this.leg4 : this.leg6;
  }

  place(tuple: Tuple, pair: Pair): void {
    const leg = { port: tuple.port, address: addressKey(tuple.address), pair };
    if (tuple.address.family === 4) this.leg4 = leg;
    else this.leg6 = leg;
  }
}

export class Introductions {
  readonly #limits: Limits;
  readonly #deadlines: Deadlines<Timed>;
  readonly #byId = new Map<string, Introduction>();

  constructor(limits: Limits, deadlines: Deadlines<Timed>) {
    this.#limits = limits;
    this.#deadlines = deadlines;
  }

  get size(): number {
    return this.#byId.size;
  }

  get isFull(): boolean {
    return this.#byId.size >= this.#limits.introductions;
  }

  find(username: string, transactionId: Uint8Array): Introduction | undefined {
    return this.#byId.get(introductionId(username, transactionId));
  }

  add(now: number, username: string, transactionId: Uint8Array): Introduction {
    const introduction = new Introduction(introductionId(username, transactionId), this.#deadlines);
    this.#byId.set(introduction.id, introduction);
    this.#deadlines.set(introduction.deadline, now + this.#limits.introductionLifeMs);
    return introduction;
  }

  remove(introduction: Introduction): void {
    this.#byId.delete(introduction.id);
  }
}

function introductionId(username: string, transactionId: Uint8Array): string {
  return asciiText(transactionId) + username;
}
