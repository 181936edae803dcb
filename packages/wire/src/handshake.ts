/** The payloads of the two Noise messages, and the datagram that carries the second (docs/protocol.md section 6). */
import { ByteReader, ByteWriter, concatBytes, readU32, writeU32 } from "./bytes.ts";
import {
  type Candidate,
  type NatProfile,
  readCandidates,
  readProfile,
  writeCandidates,
  writeProfile,
} from "./candidates.ts";
import { PacketType } from "./session-packet.ts";

export const protocolVersion = 1;
export const maxEarlyDataBytes = 600;

/** A Noise IK message is this much longer than its payload. */
export const firstMessageOverhead = 96;
export const secondMessageOverhead = 48;

export interface FirstPayload {
  readonly profile: NatProfile;
  /** The client's session index. */
  readonly index: number;
  /** ms since 1970, by the server's clock as far as the client knows it. */
  readonly timeMs: number;
  readonly probeKey: Uint8Array;
  readonly inviteId: Uint8Array;
  readonly inviteProof: Uint8Array;
  /** The host's index of the session that this one goes on with. */
  readonly continues?: number;
  readonly candidates: readonly Candidate[];
  readonly earlyData?: Uint8Array;
}

const refusals = ["unknown-invite", "invite-ended", "time-off", "host-full", "version"] as const;
export type HostRefusal = (typeof refusals)[number];

export interface Acceptance {
  readonly earlyDataTaken: boolean;
  readonly profile: NatProfile;
  /** The host's session index. */
  readonly index: number;
  readonly candidates: readonly Candidate[];
}

export type SecondPayload = ({ readonly refusal?: undefined } & Acceptance) | { readonly refusal: HostRefusal };

const flagEarlyData = 1;
const flagContinues = 2;
const flagEarlyDataTaken = 1;

export function encodeFirstPayload(payload: FirstPayload): Uint8Array {
  const flags = (payload.earlyData ? flagEarlyData : 0) | (payload.continues === undefined ? 0 : flagContinues);
  const writer = new ByteWriter().u8(protocolVersion).u8(flags);
  writeProfile(writer, payload.profile);
  writer.u32(payload.index).u64(payload.timeMs).raw(payload.probeKey).raw(payload.inviteId).raw(payload.inviteProof);
  if (payload.continues !== undefined) writer.u32(payload.continues);
  writeCandidates(writer, payload.candidates);
  if (payload.earlyData) writer.raw(payload.earlyData);
  return writer.done();
}

/** "version" for one that this program does not speak, `undefined` for one that is malformed. The bytes are copied. */
export function decodeFirstPayload(bytes: Uint8Array): FirstPayload | "version" | undefined {
  const reader = new ByteReader(bytes.slice());
  const version = reader.u8();
  if (version !== protocolVersion) return reader.failed ? undefined : "version";
  const flags = reader.u8();
  const profile = readProfile(reader);
  const index = reader.u32();
  const timeMs = reader.u64();
  const probeKey = reader.take(16);
  const inviteId = reader.take(8);
  const inviteProof = reader.take(16);
  const continues = flags & flagContinues ? { continues: reader.u32() } : {};
  const candidates = readCandidates(reader);
  const early = reader.rest();
  if (reader.failed || candidates === undefined || early.length > maxEarlyDataBytes) return undefined;
  const earlyData = flags & flagEarlyData ? { earlyData: early } : {};
  return { profile, index, timeMs, probeKey, inviteId, inviteProof, ...continues, candidates, ...earlyData };
}

export function encodeSecondPayload(payload: SecondPayload): Uint8Array {
  const writer = new ByteWriter().u8(protocolVersion);
  if (payload.refusal !== undefined)
    return writer
      .u8(0)
      .u8(refusals.indexOf(payload.refusal) + 1)
      .done();
  writer.u8(payload.earlyDataTaken ? flagEarlyDataTaken : 0).u8(0);
  writeProfile(writer, payload.profile);
  writer.u32(payload.index);
  writeCandidates(writer, payload.candidates);
  return writer.done();
}

/** `undefined` for one that is malformed, or of a version that this program does not speak. */
export function decodeSecondPayload(bytes: Uint8Array): SecondPayload | undefined {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  const flags = reader.u8();
  const refused = reader.u8();
  if (reader.failed || version !== protocolVersion) return undefined;
  if (refused !== 0) {
    const refusal = refusals[refused - 1];
    return refusal === undefined ? undefined : { refusal };
  }
  const profile = readProfile(reader);
  const index = reader.u32();
  const candidates = readCandidates(reader);
  if (reader.failed || candidates === undefined) return undefined;
  return { earlyDataTaken: (flags & flagEarlyDataTaken) !== 0, profile, index, candidates };
}

/** type 1, zero 3, the client's index 4, Noise message. */
export function encodeSecondPacket(clientIndex: number, message: Uint8Array): Uint8Array {
  const head = new Uint8Array(8);
  head[0] = PacketType.second;
  writeU32(head, 4, clientIndex);
  return concatBytes(head, message);
}

export function decodeSecondPacket(bytes: Uint8Array): { clientIndex: number; message: Uint8Array } | undefined {
  if (bytes.length < 8 + secondMessageOverhead || bytes[0] !== PacketType.second) return undefined;
  return { clientIndex: readU32(bytes, 4), message: bytes.subarray(8) };
}
