/** Candidates and NAT profiles inside sealed payloads (docs/protocol.md section 8). */
import { type Address, addressFromBytes, ipBytes } from "@fractal-punch/machine";
import type { ByteReader, ByteWriter } from "./bytes.ts";

export const maxCandidates = 8;

const kinds = ["host", "server-reflexive", "peer-reflexive", "mapped", "predicted"] as const;

/** RFC 8445's terms, and two of our own: mapped by a router's protocol, predicted from a NAT's habits. */
export type CandidateKind = (typeof kinds)[number];

export interface Candidate {
  readonly kind: CandidateKind;
  readonly address: Address;
}

const mappings = ["unknown", "none", "stable", "varying", "blocked"] as const;

/**
 * How a NAT maps one socket towards several destinations: `none` (no NAT), `stable` (one port: endpoint-independent or
 * address-dependent, which one server address cannot tell apart), `varying` (a port for each: symmetric),
 * `blocked` (no UDP gets through to the server, though TLS does).
 */
export type NatMapping = (typeof mappings)[number];

export interface NatProfile {
  readonly v4: NatMapping;
  readonly v6: NatMapping;
}

export const unknownProfile: NatProfile = { v4: "unknown", v6: "unknown" };

export function writeAddress(writer: ByteWriter, address: Address): void {
  writer.u8(address.family).u16(address.port).raw(ipBytes(address));
}

/** `undefined` for another family, for an IPv4-mapped address, and past the end. */
export function readAddress(reader: ByteReader): Address | undefined {
  const family = reader.u8();
  if (family !== 4 && family !== 6) return undefined;
  const port = reader.u16();
  return addressFromBytes(reader.take(family === 4 ? 4 : 16), port);
}

export function writeCandidates(writer: ByteWriter, candidates: readonly Candidate[]): void {
  const named = candidates.slice(0, maxCandidates);
  writer.u8(named.length);
  for (const { kind, address } of named) {
    writer.u8(kinds.indexOf(kind) + 1);
    writeAddress(writer, address);
  }
}

/** `undefined` when there are too many or any is malformed. */
export function readCandidates(reader: ByteReader): Candidate[] | undefined {
  const count = reader.u8();
  if (count > maxCandidates) return undefined;
  const candidates: Candidate[] = [];
  for (let i = 0; i < count; i++) {
    const kind = kinds[reader.u8() - 1];
    const address = readAddress(reader);
    if (kind === undefined || address === undefined || address.port === 0) return undefined;
    candidates.push({ kind, address });
  }
  return candidates;
}

export function writeProfile(writer: ByteWriter, profile: NatProfile): void {
  writer.u8(mappings.indexOf(profile.v4)).u8(mappings.indexOf(profile.v6));
}

export function readProfile(reader: ByteReader): NatProfile {
  return { v4: mappings[reader.u8()] ?? "unknown", v6: mappings[reader.u8()] ?? "unknown" };
}
