/** Profiles, candidates and verdicts as words in the vectors' fields. */
import assert from "node:assert/strict";
import { addressFromText, addressText } from "@fractal-punch/machine";
import {
  type Candidate,
  decodeVerdict,
  encodeVerdict,
  type NatProfile,
  type TlsEntrance,
  type VerdictReport,
} from "@fractal-punch/wire";
import { type Fields, hexOf, type Value } from "./vector.ts";

const mappings = ["unknown", "none", "stable", "varying", "blocked"] as const;
const kinds = ["host", "server-reflexive", "peer-reflexive", "mapped", "predicted"] as const;
const roles = ["client", "host"] as const;
const paths = ["none", "relayed", "direct"] as const;

/** From "stable unknown": IPv4, then IPv6. */
export function profileOf(text: string): NatProfile {
  const [v4, v6] = text.split(" ");
  return { v4: word(mappings, v4), v6: word(mappings, v6) };
}

export function profileText({ v4, v6 }: NatProfile): string {
  return `${v4} ${v6}`;
}

/** From "host 192.0.2.1:4000". */
export function candidateOf(text: string): Candidate {
  const [kind, at] = text.split(" ");
  const address = addressFromText(at ?? "");
  assert.ok(address, text);
  return { kind: word(kinds, kind), address };
}

export function candidateText({ kind, address }: Candidate): string {
  return `${kind} ${addressText(address)}`;
}

/** Of the fields `tlsPort` and `tlsKeyHash`, which are there both or neither. */
export function tlsOf(fields: Fields): { tls?: TlsEntrance } {
  if (!fields.has("tlsPort")) return {};
  return { tls: { port: fields.number("tlsPort"), keyHash: fields.bytes("tlsKeyHash") } };
}

export function tlsIn(tls: TlsEntrance | undefined): Record<string, Value> {
  return tls === undefined ? {} : { tlsPort: tls.port, tlsKeyHash: hexOf(tls.keyHash) };
}

export function verdictOf(fields: Fields): VerdictReport {
  const profiles = {
    ownProfile: profileOf(fields.text("ownProfile")),
    otherProfile: profileOf(fields.text("otherProfile")),
  };
  const directAfterMs = fields.has("directAfterMs") ? { directAfterMs: fields.number("directAfterMs") } : {};
  const rttMs = fields.has("rttMs") ? { rttMs: fields.number("rttMs") } : {};
  const role = word(roles, fields.text("role"));
  const path = word(paths, fields.text("path"));
  return { role, path, reason: reasonOf(fields.text("reason")), ...profiles, ...directAfterMs, ...rttMs };
}

/** The number of a reason stands in byte 3 of a verdict. */
function reasonOf(text: string): VerdictReport["reason"] {
  const unknown = { v4: "unknown", v6: "unknown" } as const;
  const bytes = encodeVerdict({
    role: "client",
    path: "none",
    reason: "trying",
    ownProfile: unknown,
    otherProfile: unknown,
  });
  for (let number = 0; number < 256; number++) {
    bytes[3] = number;
    const reason = decodeVerdict(bytes)?.reason;
    if (reason === text) return reason;
  }
  return assert.fail(text);
}

export function word<Word extends string>(words: readonly Word[], text: string | undefined): Word {
  const found = words.find((known) => known === text);
  assert.ok(found, text);
  return found;
}
