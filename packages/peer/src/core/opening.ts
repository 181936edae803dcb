/** The client's half of a handshake: the first message, and the knocks that go with it (docs/protocol.md section 6). */
import { randomBytes } from "@fractal-punch/machine";
import {
  type Candidate,
  concatBytes,
  decodeSecondPacket,
  decodeSecondPayload,
  encodeFirstPayload,
  encodeKnock,
  type NatProfile,
  type SecondPayload,
} from "@fractal-punch/wire";
import { newKeyPair, type PeerContext } from "./context.ts";
import { type InitiatorState, type KeyPair, readSecond, type TransportKeys, writeFirst } from "./noise.ts";
import { prologue } from "./prologue.ts";

/** What the client takes from the invite. */
export interface HostInvite {
  readonly hostKey: Uint8Array;
  readonly id: Uint8Array;
  readonly secret: Uint8Array;
}

export interface OpeningDetails {
  /** The index that packets to the client are to carry. */
  readonly index: number;
  readonly timeMs: number;
  readonly profile: NatProfile;
  readonly candidates: readonly Candidate[];
  readonly earlyData: Uint8Array | undefined;
  /** The host's index of the session that goes on. */
  readonly continues: number | undefined;
}

export class Opening {
  readonly index: number;
  /** Noise's first message. */
  readonly message: Uint8Array;
  readonly #context: PeerContext;
  readonly #state: InitiatorState;
  readonly #probeKey: Uint8Array;
  #knocks = 0;

  private constructor(
    context: PeerContext,
    index: number,
    probeKey: Uint8Array,
    message: Uint8Array,
    state: InitiatorState,
  ) {
    this.#context = context;
    this.index = index;
    this.#probeKey = probeKey;
    this.message = message;
    this.#state = state;
  }

  /** `undefined` when the invite's host key is one with which no secret can be shared. */
  static to(context: PeerContext, own: KeyPair, invite: HostInvite, details: OpeningDetails): Opening | undefined {
    const ephemeral = newKeyPair(context);
    const probeKey = randomBytes(context.random, 16);
    const proven = concatBytes(ephemeral.publicKey, own.publicKey);
    const { earlyData, continues, ...rest } = details;
    const payload = encodeFirstPayload({
      ...rest,
      probeKey,
      inviteId: invite.id,
      inviteProof: context.primitives.hmacSha256(invite.secret, proven).subarray(0, 16),
      ...(earlyData && { earlyData }),
      ...(continues !== undefined && { continues }),
    });
    const first = writeFirst(context.primitives, prologue, own, invite.hostKey, ephemeral, payload);
    return first && new Opening(context, details.index, probeKey, first.message, first.state);
  }

  knock(): Uint8Array {
    const tag = this.message.subarray(0, 8);
    return encodeKnock(this.#context.primitives, this.#probeKey, "client", tag, this.#knocks++);
  }

  /** What the second message says, and the keys; `undefined` when it is not the answer to this first message. */
  read(packet: Uint8Array): { payload: SecondPayload; keys: TransportKeys } | undefined {
    const second = decodeSecondPacket(packet);
    // A host that does not speak our version cannot read our index, and refuses under index 0.
    if (!second || (second.clientIndex !== this.index && second.clientIndex !== 0)) return undefined;
    const read = readSecond(this.#context.primitives, this.#state, second.message);
    const payload = read && decodeSecondPayload(read.payload);
    return read && payload && { payload, keys: read.keys };
  }
}
