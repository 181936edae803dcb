import type { Happening } from "../datagram.ts";
import type { Traffic } from "../traffic.ts";
import type { StreamEnd, StreamUser } from "./connection.ts";

/** A user that may be kept waiting: what comes meanwhile is told in order when the wait is over. */
export class HeldStream implements StreamUser, Happening {
  readonly #user: StreamUser;
  readonly #traffic: Traffic;
  #isHeld = false;
  #waiting: (() => void)[] = [];

  constructor(user: StreamUser, traffic: Traffic) {
    this.#user = user;
    this.#traffic = traffic;
  }

  /** What waits is told outside the call that ends the wait. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    if (!isHeld && this.#waiting.length > 0) this.#traffic.queue.push(this.#traffic.now, this);
  }

  /** Nobody wants to hear the rest. */
  clear(): void {
    this.#waiting = [];
  }

  opened(): void {
    this.#user.opened();
  }

  received(bytes: Uint8Array): void {
    if (!this.#waits) return this.#user.received(bytes);
    const copy = bytes.slice();
    this.#waiting.push(() => this.#user.received(copy));
  }

  full(isFull: boolean): void {
    this.#user.full(isFull);
  }

  ended(why: StreamEnd): void {
    if (this.#waits) this.#waiting.push(() => this.#user.ended(why));
    else this.#user.ended(why);
  }

  happen(): void {
    while (!this.#isHeld) {
      const tell = this.#waiting.shift();
      if (tell === undefined) return;
      tell();
    }
  }

  get #waits(): boolean {
    return this.#isHeld || this.#waiting.length > 0;
  }
}
