/** What is inside a sealed packet: one frame, whose first byte is its kind (docs/protocol.md section 7). */
import { type Address, addressFromBytes, ipBytes } from "@fractal-punch/machine";
import { ByteReader, ByteWriter, concatBytes } from "./bytes.ts";
import {
  type Candidate,
  type NatProfile,
  readAddress,
  readCandidates,
  readProfile,
  writeAddress,
  writeCandidates,
  writeProfile,
} from "./candidates.ts";

/** Probes and their replies have this size, so that a reply is never larger than its probe. */
export const probeFrameBytes = 24;

const closeReasons = ["done", "shutting-down", "revoked"] as const;
export type CloseReason = (typeof closeReasons)[number];

export type Frame =
  | { readonly kind: "nothing" }
  | { readonly kind: "data"; readonly data: Uint8Array }
  | { readonly kind: "probe"; readonly id: number }
  | { readonly kind: "probe-reply"; readonly id: number; readonly seen: Address }
  | {
      readonly kind: "candidates";
      readonly round: number;
      readonly answer: boolean;
      readonly profile: NatProfile;
      readonly candidates: readonly Candidate[];
    }
  | { readonly kind: "rekey-first"; readonly message: Uint8Array }
  | { readonly kind: "rekey-second"; readonly message: Uint8Array }
  | { readonly kind: "resume"; readonly timeMs: number }
  | { readonly kind: "resumed" }
  | { readonly kind: "close"; readonly reason: CloseReason }
  | { readonly kind: "fresh"; readonly attempt: number; readonly answer: boolean; readonly address: Address };

const kinds = [
  "nothing",
  "data",
  "probe",
  "probe-reply",
  "candidates",
  "rekey-first",
  "rekey-second",
  "resume",
  "resumed",
  "close",
  "fresh",
] as const satisfies readonly Frame["kind"][];

const dataKindByte = Uint8Array.of(kinds.indexOf("data"));

export function encodeFrame(frame: Frame): Uint8Array {
  // Nearly all frames are data, and these are large: no writer that grows.
  if (frame.kind === "data") return concatBytes(dataKindByte, frame.data);
  const writer = new ByteWriter().u8(kinds.indexOf(frame.kind));
  switch (frame.kind) {
    case "nothing":
    case "resumed":
      break;
    case "probe":
      writer.zeros(3).u32(frame.id).zeros(16);
      break;
    case "probe-reply": {
      const ip = ipBytes(frame.seen);
      writer
        .u8(frame.seen.family)
        .u16(frame.seen.port)
        .u32(frame.id)
        .raw(ip)
        .zeros(16 - ip.length);
      break;
    }
    case "candidates":
      writer.u16(frame.round).u8(frame.answer ? 1 : 0);
      writeProfile(writer, frame.profile);
      writeCandidates(writer, frame.candidates);
      break;
    case "rekey-first":
    case "rekey-second":
      writer.raw(frame.message);
      break;
    case "resume":
      writer.u64(frame.timeMs);
      break;
    case "close":
      writer.u8(closeReasons.indexOf(frame.reason));
      break;
    case "fresh":
      writer.u16(frame.attempt).u8(frame.answer ? 1 : 0);
      writeAddress(writer, frame.address);
      break;
  }
  return writer.done();
}

/** A probe of `lengthBytes`, at least `probeFrameBytes`, by which a path shows that it takes so much (RFC 8899 section 4.1). */
export function encodePaddedProbe(id: number, lengthBytes: number): Uint8Array {
  const frame = new Uint8Array(lengthBytes);
  frame.set(encodeFrame({ kind: "probe", id }));
  return frame;
}

/** `undefined` for a kind that is not known, and for one that is malformed. `data` and `message` are views. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  const reader = new ByteReader(bytes);
  const kind = kinds[reader.u8()];
  const frame = kind === undefined ? undefined : decodeBody(kind, reader);
  return reader.failed ? undefined : frame;
}

function decodeBody(kind: Frame["kind"], reader: ByteReader): Frame | undefined {
  switch (kind) {
    case "nothing":
    case "resumed":
      return { kind };
    case "data":
      return { kind, data: reader.rest() };
    case "probe":
      return decodeProbe(reader);
    case "probe-reply":
      return decodeProbeReply(reader);
    case "candidates":
      return decodeCandidates(reader);
    case "rekey-first":
    case "rekey-second":
      return { kind, message: reader.rest() };
    case "resume":
      return { kind, timeMs: reader.u64() };
    case "close":
      return { kind, reason: closeReasons[reader.u8()] ?? "done" };
    case "fresh":
      return decodeFresh(reader);
  }
}

/** A shorter one would be answered by a reply that is larger than it; what is behind it is padding. */
function decodeProbe(reader: ByteReader): Frame {
  reader.take(3);
  const id = reader.u32();
  reader.take(16);
  return { kind: "probe", id };
}

function decodeProbeReply(reader: ByteReader): Frame | undefined {
  const family = reader.u8();
  const port = reader.u16();
  const id = reader.u32();
  const ip = reader.take(16);
  if (reader.failed || (family !== 4 && family !== 6)) return undefined;
  const seen = addressFromBytes(family === 4 ? ip.subarray(0, 4) : ip, port);
  return seen && { kind: "probe-reply", id, seen };
}

function decodeCandidates(reader: ByteReader): Frame | undefined {
  const round = reader.u16();
  const answer = (reader.u8() & 1) !== 0;
  const profile = readProfile(reader);
  const candidates = readCandidates(reader);
  return candidates && { kind: "candidates", round, answer, profile, candidates };
}

function decodeFresh(reader: ByteReader): Frame | undefined {
  const attempt = reader.u16();
  const answer = (reader.u8() & 1) !== 0;
  const address = readAddress(reader);
  return address && address.port !== 0 ? { kind: "fresh", attempt, answer, address } : undefined;
}
