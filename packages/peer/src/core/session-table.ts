/** Which session, and which generation of its keys, a sealed packet is for: by the receiver's index that it carries. */
import { type Random, randomU32 } from "@fractal-punch/machine";
import type { Session } from "./session.ts";
import type { SessionKeys } from "./session-keys.ts";

export interface TableEntry {
  readonly session: Session;
  readonly keys: SessionKeys;
}

export class SessionTable {
  readonly #byIndex = new Map<number, TableEntry>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A random index that no keys here have. */
  newIndex(): number {
    for (;;) {
      const index = randomU32(this.#random);
      if (!this.#byIndex.has(index)) return index;
    }
  }

  add(session: Session, keys: SessionKeys): void {
    this.#byIndex.set(keys.localIndex, { session, keys });
  }

  drop(keys: SessionKeys): void {
    this.#byIndex.delete(keys.localIndex);
  }

  find(index: number): TableEntry | undefined {
    return this.#byIndex.get(index);
  }
}
