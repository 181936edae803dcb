/**
 * New keys for a running session: a Noise IK handshake inside sealed packets (docs/protocol.md section 7). The client
 * starts it; the host seals with the new keys only after the client has.
 */
import { equalBytes } from "@fractal-punch/machine";
import { ByteReader, ByteWriter } from "@fractal-punch/wire";
import { newKeyPair, type PeerContext } from "./context.ts";
import { type InitiatorState, type KeyPair, readFirst, readSecond, writeFirst, writeSecond } from "./noise.ts";
import { prologue } from "./prologue.ts";
import { SessionKeys } from "./session-keys.ts";

/** The client's side, from the first message until the second has come. */
export class RekeyStart {
  readonly message: Uint8Array;
  readonly #state: InitiatorState;
  readonly #localIndex: number;

  private constructor(message: Uint8Array, state: InitiatorState, localIndex: number) {
    this.message = message;
    this.#state = state;
    this.#localIndex = localIndex;
  }

  static begin(context: PeerContext, own: KeyPair, hostKey: Uint8Array, localIndex: number): RekeyStart | undefined {
    const payload = new ByteWriter().u32(localIndex).done();
    const first = writeFirst(context.primitives, prologue, own, hostKey, newKeyPair(context), payload);
    return first && new RekeyStart(first.message, first.state, localIndex);
  }

  /** `undefined` when the second message is not the answer to this one. */
  finish(context: PeerContext, second: Uint8Array, now: number): SessionKeys | undefined {
    const read = readSecond(context.primitives, this.#state, second);
    const remoteIndex = read && indexIn(read.payload);
    if (!read || remoteIndex === undefined) return undefined;
    return new SessionKeys(context.primitives, read.keys, this.#localIndex, remoteIndex, now);
  }
}

/** The host's answer, kept so that a repeated first message gets the same second one. */
export class RekeyAnswer {
  readonly message: Uint8Array;
  readonly keys: SessionKeys;
  readonly #first: Uint8Array;

  private constructor(first: Uint8Array, message: Uint8Array, keys: SessionKeys) {
    this.#first = first;
    this.message = message;
    this.keys = keys;
  }

  /** `undefined` for a message that is not from `clientKey`, or was altered. */
  static to(
    first: Uint8Array,
    context: PeerContext,
    own: KeyPair,
    clientKey: Uint8Array,
    localIndex: number,
    now: number,
  ): RekeyAnswer | undefined {
    const read = readFirst(context.primitives, prologue, own, first);
    if (!read || !equalBytes(read.state.initiatorStatic, clientKey)) return undefined;
    const remoteIndex = indexIn(read.payload);
    const payload = new ByteWriter().u32(localIndex).done();
    const second = writeSecond(context.primitives, read.state, newKeyPair(context), payload);
    if (!second || remoteIndex === undefined) return undefined;
    const keys = new SessionKeys(context.primitives, second.keys, localIndex, remoteIndex, now);
    return new RekeyAnswer(first.slice(), second.message, keys);
  }

  answers(first: Uint8Array): boolean {
    return equalBytes(this.#first, first);
  }
}

function indexIn(payload: Uint8Array): number | undefined {
  const reader = new ByteReader(payload);
  const index = reader.u32();
  return reader.failed ? undefined : index;
}
