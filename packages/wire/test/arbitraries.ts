/** What property tests draw: every kind of message, payload and packet of the wire, valid ones only. */
import { type Address, addressFromBytes } from "@fractal-punch/machine";
import {
  type Approach,
  asciiBytes,
  base64UrlText,
  type Candidate,
  type FirstPayload,
  type Frame,
  hostIdText,
  type Invite,
  maxCandidates,
  type NatProfile,
  type SecondPayload,
  type Ticket,
  type VerdictReport,
} from "@fractal-punch/wire";
import fc from "fast-check";

const u16: fc.Arbitrary<number> = fc.integer({ min: 0, max: 0xffff });
export const u32: fc.Arbitrary<number> = fc.integer({ min: 0, max: 0xffff_ffff });
export const u64: fc.Arbitrary<number> = fc.oneof(u32, fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER));
export const channel: fc.Arbitrary<number> = fc.integer({ min: 0x4000, max: 0x4fff });

export function bytesOf(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length });
}

export function bytesUpTo(maxLength: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ maxLength, size: "max" });
}

export const ip4: fc.Arbitrary<Address> = fc.record(
  { family: fc.constant(4), ip: u32, port: u16 },
  { noNullPrototype: true },
);

export const ip6: fc.Arbitrary<Address> = fc
  .tuple(bytesOf(16), u16)
  .map(([ip, port]) => addressFromBytes(ip, port) ?? { family: 6, ip: "\0".repeat(16), port });

export const address: fc.Arbitrary<Address> = fc.oneof(ip4, ip6);

/** One with a port, as peers are told to send to. */
const target = address.map((drawn) => ({ ...drawn, port: Math.max(drawn.port, 1) }));

const candidate: fc.Arbitrary<Candidate> = fc.record(
  {
    kind: fc.constantFrom("host", "server-reflexive", "peer-reflexive", "mapped", "predicted"),
    address: target,
  },
  { noNullPrototype: true },
);

export const candidates: fc.Arbitrary<Candidate[]> = fc.array(candidate, { maxLength: maxCandidates, size: "max" });

const mapping = fc.constantFrom("unknown" as const, "none" as const, "stable" as const, "varying" as const);
const profile: fc.Arbitrary<NatProfile> = fc.record({ v4: mapping, v6: mapping }, { noNullPrototype: true });

export const username: fc.Arbitrary<string> = fc
  .tuple(fc.integer({ min: 1, max: 999_999_999_999 }), bytesOf(32), fc.stringMatching(/^[a-z0-9-]{1,32}$/), fc.nat(2))
  .map(([expiry, key, name, kind]) => {
    if (kind === 0) return `${expiry}:host/${name}`;
    return kind === 1
      ? `${expiry}:client/${hostIdText(key)}`
      : `${expiry}:client/${hostIdText(key)}:${expiry}:host/${name}`;
  });

export const approach: fc.Arbitrary<Approach> = fc.oneof(
  fc.record({ kind: fc.constant("first" as const), message: bytesUpTo(917) }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant("resume" as const), packet: bytesUpTo(60) }, { noNullPrototype: true }),
);

export const firstPayload: fc.Arbitrary<FirstPayload> = fc.record(
  {
    profile,
    index: u32,
    timeMs: u64,
    probeKey: bytesOf(16),
    inviteId: bytesOf(8),
    inviteProof: bytesOf(16),
    continues: u32,
    candidates,
    earlyData: bytesUpTo(600),
  },
  {
    noNullPrototype: true,
    requiredKeys: ["profile", "index", "timeMs", "probeKey", "inviteId", "inviteProof", "candidates"],
  },
);

export const secondPayload: fc.Arbitrary<SecondPayload> = fc.oneof(
  fc.record(
    {
      refusal: fc.constantFrom("unknown-invite" as const, "invite-ended", "time-off", "host-full", "version"),
    },
    { noNullPrototype: true },
  ),
  fc.record({ earlyDataTaken: fc.boolean(), profile, index: u32, candidates }, { noNullPrototype: true }),
);

/** One arbitrary for each kind of frame, so that none is drawn too rarely. */
export const frames: { readonly [Kind in Frame["kind"]]: fc.Arbitrary<Frame> } = {
  nothing: fc.constant({ kind: "nothing" }),
  data: fc.record({ kind: fc.constant("data"), data: bytesUpTo(1195) }, { noNullPrototype: true }),
  probe: fc.record({ kind: fc.constant("probe"), id: u32 }, { noNullPrototype: true }),
  "probe-reply": fc.record({ kind: fc.constant("probe-reply"), id: u32, seen: address }, { noNullPrototype: true }),
  candidates: fc.record(
    { kind: fc.constant("candidates"), round: u16, answer: fc.boolean(), profile, candidates },
    { noNullPrototype: true },
  ),
  "rekey-first": fc.record({ kind: fc.constant("rekey-first"), message: bytesUpTo(200) }, { noNullPrototype: true }),
  "rekey-second": fc.record({ kind: fc.constant("rekey-second"), message: bytesUpTo(200) }, { noNullPrototype: true }),
  resume: fc.record({ kind: fc.constant("resume"), timeMs: u64 }, { noNullPrototype: true }),
  resumed: fc.constant({ kind: "resumed" }),
  close: fc.record(
    { kind: fc.constant("close"), reason: fc.constantFrom("done", "shutting-down", "revoked") },
    { noNullPrototype: true },
  ),
  fresh: fc.record(
    { kind: fc.constant("fresh"), attempt: u16, answer: fc.boolean(), address: target },
    { noNullPrototype: true },
  ),
};

const knownMs = fc.integer({ min: 0, max: 0xffff_fffe });

export const verdict: fc.Arbitrary<VerdictReport> = fc.record(
  {
    role: fc.constantFrom("client", "host"),
    path: fc.constantFrom("none", "relayed", "direct"),
    reason: fc.constantFrom(
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
    ),
    ownProfile: profile,
    otherProfile: profile,
    directAfterMs: knownMs,
    rttMs: knownMs,
  },
  { noNullPrototype: true, requiredKeys: ["role", "path", "reason", "ownProfile", "otherProfile"] },
);

export const ticket: fc.Arbitrary<Ticket> = fc.record(
  { username, password: bytesOf(32).map(base64UrlText) },
  { noNullPrototype: true },
);

const server = fc
  .record(
    { name: fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6()), port: u16, ips: fc.array(address, { maxLength: 8 }) },
    { noNullPrototype: true },
  )
  .map(({ name, port, ips }) => ({
    name: name.slice(0, 255),
    port,
    lastKnown: ips.map((known) => ({ ...known, port })),
  }));

export const invite: fc.Arbitrary<Invite> = fc.record(
  {
    servers: fc.array(server, { minLength: 1, maxLength: 4 }),
    tls: fc.record(
      { port: u16, keyHash: bytesOf(32).filter((hash) => hash.some((byte) => byte !== 0)) },
      { noNullPrototype: true },
    ),
    hostKey: bytesOf(32),
    id: bytesOf(8),
    secret: bytesOf(32),
    ticket,
  },
  { noNullPrototype: true, requiredKeys: ["servers", "hostKey", "id", "secret", "ticket"] },
);

export const nonce: fc.Arbitrary<Uint8Array> = bytesOf(20).map((bytes) => asciiBytes(base64UrlText(bytes)));
