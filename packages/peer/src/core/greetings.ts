/** The first messages of the last ten minutes, by ephemeral key: against replay, and for repeats and knocks. */
import type { Deadline } from "@fractal-punch/machine";
import { asciiText } from "@fractal-punch/wire";
import type { PeerContext, Sleeper } from "./context.ts";
import type { Greeting } from "./greeting.ts";
import { maxEphemerals } from "./timing.ts";

const tagBytes = 8;

export class Greetings implements Sleeper {
  readonly #context: PeerContext;
  readonly #deadline: Deadline<Sleeper>;
  /** In order of time, so the first is the oldest. */
  readonly #byEphemeral = new Map<string, Greeting>();
  readonly #byTag = new Map<string, Greeting>();

  /** The latest sealed time among the first messages that are forgotten: nothing as old as that is new. */
  forgottenTimeMs: number = -Infinity;

  constructor(context: PeerContext) {
    this.#context = context;
    this.#deadline = context.deadlines.create(this, "greetings");
  }

  get full(): boolean {
    return this.#byEphemeral.size >= maxEphemerals;
  }

  find(ephemeral: Uint8Array): Greeting | undefined {
    return this.#byEphemeral.get(asciiText(ephemeral));
  }

  /** By the tag of a knock. */
  findByTag(tag: Uint8Array): Greeting | undefined {
    return this.#byTag.get(asciiText(tag));
  }

  add(ephemeral: Uint8Array, greeting: Greeting): void {
    const key = asciiText(ephemeral);
    this.#byEphemeral.set(key, greeting);
    this.#byTag.set(key.slice(0, tagBytes), greeting);
    this.#arm();
  }

  clear(): void {
    this.#byEphemeral.clear();
    this.#byTag.clear();
    this.#arm();
  }

  wake(now: number): void {
    for (const [key, greeting] of this.#byEphemeral) {
      if (greeting.expiresAtMs > now) break;
      this.#byEphemeral.delete(key);
      this.#byTag.delete(key.slice(0, tagBytes));
      this.forgottenTimeMs = Math.max(this.forgottenTimeMs, greeting.timeMs);
    }
    this.#arm();
  }

  #arm(): void {
    for (const greeting of this.#byEphemeral.values()) {
      this.#context.deadlines.set(this.#deadline, greeting.expiresAtMs);
      return;
    }
    this.#context.deadlines.clear(this.#deadline);
  }
}
