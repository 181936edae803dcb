/** The host's half of handshakes: each first message is answered once, and its repeats and knocks with the same answer. */
import { type Address, type AddressKey, addressKey, equalBytes } from "@fractal-punch/machine";
import {
  type Candidate,
  concatBytes,
  decodeFirstPayload,
  encodeSecondPacket,
  encodeSecondPayload,
  type FirstPayload,
  type HostRefusal,
  knockMatches,
  type NatProfile,
} from "@fractal-punch/wire";
import { newKeyPair, type PeerContext } from "./context.ts";
import { type KeyPair, type ResponderState, readFirst, type TransportKeys, writeSecond } from "./noise.ts";
import { prologue } from "./prologue.ts";
import { framed } from "./route.ts";
import type { Session } from "./session.ts";

/** An invite as the host knows it. */
export interface IssuedInvite {
  readonly id: Uint8Array;
  readonly secret: Uint8Array;
  /** ms since 1970; when it ends by itself. */
  readonly expiresAtMs?: number;
  readonly revoked?: boolean;
}

const maxKnockAnswers = 3;
const maxKnockAddresses = 64;

/** A first message that could be read. */
export interface FirstMessage {
  readonly state: ResponderState;
  readonly payload: FirstPayload | "version";
}

/** `undefined` for one that is not for this host, or was altered. */
export function openFirst(context: PeerContext, own: KeyPair, message: Uint8Array): FirstMessage | undefined {
  const read = readFirst(context.primitives, prologue, own, message);
  const payload = read && decodeFirstPayload(read.payload);
  return read && payload && { state: read.state, payload };
}

/** Whether the client holds the invite that it names, and the invite still stands. */
export function inviteRefusal(
  context: PeerContext,
  state: ResponderState,
  payload: FirstPayload,
  invite: IssuedInvite | undefined,
  timeMs: number,
): HostRefusal | undefined {
  if (!invite) return "unknown-invite";
  const proven = concatBytes(state.initiatorEphemeral, state.initiatorStatic);
  const proof = context.primitives.hmacSha256(invite.secret, proven).subarray(0, 16);
  if (!equalBytes(proof, payload.inviteProof)) return "unknown-invite";
  return invite.revoked || timeMs > (invite.expiresAtMs ?? Infinity) ? "invite-ended" : undefined;
}

/** A second message that refuses. */
export function encodeRefusal(context: PeerContext, first: FirstMessage, refusal: HostRefusal): Uint8Array | undefined {
  const second = writeSecond(context.primitives, first.state, newKeyPair(context), encodeSecondPayload({ refusal }));
  const index = first.payload === "version" ? 0 : first.payload.index;
  return second && framed(encodeSecondPacket(index, second.message));
}

export interface GreetingDetails {
  readonly earlyDataTaken: boolean;
  readonly profile: NatProfile;
  readonly candidates: readonly Candidate[];
  /** The index that packets to the host are to carry. */
  readonly index: number;
}

/** One first message and the answer that it got. */
export class Greeting {
  readonly session: Session;
  readonly expiresAtMs: number;
  /** When the client sealed its first message, by the server's clock. */
  readonly timeMs: number;
  /** The second message, behind room for a channel's header. */
  readonly packet: Uint8Array;
  readonly #probeKey: Uint8Array;
  readonly #knockAnswers = new Map<AddressKey, number>();

  constructor(
    session: Session,
    packet: Uint8Array,
    payload: Pick<FirstPayload, "probeKey" | "timeMs">,
    expiresAtMs: number,
  ) {
    this.session = session;
    this.packet = packet;
    this.#probeKey = payload.probeKey;
    this.timeMs = payload.timeMs;
    this.expiresAtMs = expiresAtMs;
  }

  authentic(context: PeerContext, knock: Uint8Array): boolean {
    return knockMatches(context.primitives, this.#probeKey, knock);
  }

  /** Whether a knock from there is still to be answered: three times an address. */
  mayAnswer(from: Address): boolean {
    const key = addressKey(from);
    const answers = this.#knockAnswers.get(key) ?? 0;
    if (answers >= maxKnockAnswers || (answers === 0 && this.#knockAnswers.size >= maxKnockAddresses)) return false;
    this.#knockAnswers.set(key, answers + 1);
    return true;
  }
}

/** The accepting second message, and the keys that it makes. */
export function acceptFirst(
  context: PeerContext,
  state: ResponderState,
  payload: FirstPayload,
  details: GreetingDetails,
): { packet: Uint8Array; keys: TransportKeys } | undefined {
  const second = writeSecond(context.primitives, state, newKeyPair(context), encodeSecondPayload(details));
  return second && { packet: framed(encodeSecondPacket(payload.index, second.message)), keys: second.keys };
}
