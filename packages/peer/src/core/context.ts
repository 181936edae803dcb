import {
  type Abilities,
  Deadlines,
  type Outbox,
  type PeerPrimitives,
  type Random,
  randomBytes,
} from "@fractal-punch/machine";
import { StunBuilder } from "@fractal-punch/wire";
import type { PeerEvent } from "./events.ts";
import type { KeyPair } from "./noise.ts";
import { PacketArena } from "./packet-arena.ts";
import { WallClock } from "./wall-clock.ts";

export type Out = Outbox<PeerEvent>;

/** A part of a machine that has deadlines of its own. */
export interface Sleeper {
  wake(now: number, reason: string, out: Out): void;
}

/** What of a driver's abilities a peer has to know. */
export type PeerAbilities = Pick<Abilities, "dontFragment">;

/** What all parts of one peer share. */
export interface PeerContext {
  /** What the driver can. */
  readonly can: PeerAbilities;
  readonly primitives: PeerPrimitives;
  readonly random: Random;
  readonly deadlines: Deadlines<Sleeper>;
  readonly clock: WallClock;
  readonly builder: StunBuilder;
  readonly packets: PacketArena;
}

export function newContext(primitives: PeerPrimitives, random: Random, can: PeerAbilities): PeerContext {
  return {
    can,
    primitives,
    random,
    deadlines: new Deadlines(),
    clock: new WallClock(),
    builder: new StunBuilder(),
    packets: new PacketArena(),
  };
}

/** Wakes everything that is due. */
export function wakeDue({ deadlines }: PeerContext, now: number, out: Out): void {
  deadlines.takeDue(now, ({ owner, reason }) => owner.wake(now, reason, out));
}

export function newKeyPair(context: PeerContext): KeyPair {
  const secretKey = randomBytes(context.random, 32);
  return { secretKey, publicKey: context.primitives.publicKey(secretKey) };
}

export function newTransactionId(context: PeerContext): Uint8Array {
  return randomBytes(context.random, 12);
}
