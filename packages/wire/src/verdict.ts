/** What a peer reports of a session: a closed set of words and numbers, no text (docs/protocol.md section 9). */
import { ByteReader, ByteWriter } from "./bytes.ts";
import { type NatProfile, readProfile, writeProfile } from "./candidates.ts";
import { protocolVersion } from "./handshake.ts";
import type { Role } from "./session-packet.ts";

const reasons = [
  "trying",
  "direct",
  "both-symmetric",
  "symmetric-here",
  "symmetric-there",
  "no-answer",
  "direct-lost",
  "direct-lossy",
  "no-common-family",
  "host-silent",
  "both-udp-blocked",
  "udp-blocked-here",
  "udp-blocked-there",
] as const;

/** Why a session is direct, or relayed. */
export type VerdictReason = (typeof reasons)[number];

const roles = ["client", "host"] as const satisfies readonly Role[];

const paths = ["none", "relayed", "direct"] as const;
export type PathKind = (typeof paths)[number];

export interface VerdictReport {
  readonly role: Role;
  readonly path: PathKind;
  readonly reason: VerdictReason;
  readonly ownProfile: NatProfile;
  readonly otherProfile: NatProfile;
  /** ms from the start to the first direct path. */
  readonly directAfterMs?: number;
  readonly rttMs?: number;
}

const notKnown = 0xffff_ffff;

export function encodeVerdict(report: VerdictReport): Uint8Array {
  const writer = new ByteWriter().u8(protocolVersion).u8(roles.indexOf(report.role));
  writer.u8(paths.indexOf(report.path)).u8(reasons.indexOf(report.reason));
  writeProfile(writer, report.ownProfile);
  writeProfile(writer, report.otherProfile);
  return writer.u32(wholeMs(report.directAfterMs)).u32(wholeMs(report.rttMs)).done();
}

/** `undefined` for one that is malformed, of another version, or with a word that is not known. */
export function decodeVerdict(bytes: Uint8Array): VerdictReport | undefined {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  const role = roles[reader.u8()];
  const path = paths[reader.u8()];
  const reason = reasons[reader.u8()];
  const ownProfile = readProfile(reader);
  const otherProfile = readProfile(reader);
  const directAfter = reader.u32();
  const rtt = reader.u32();
  if (reader.failed || version !== protocolVersion) return undefined;
  if (role === undefined || path === undefined || reason === undefined) return undefined;
  const directAfterMs = directAfter === notKnown ? {} : { directAfterMs: directAfter };
  const rttMs = rtt === notKnown ? {} : { rttMs: rtt };
  return { role, path, reason, ownProfile, otherProfile, ...directAfterMs, ...rttMs };
}

function wholeMs(value: number | undefined): number {
  return value === undefined ? notKnown : Math.min(Math.round(value), notKnown - 1);
}
