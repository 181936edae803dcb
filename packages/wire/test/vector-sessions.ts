/** How the vectors of keys, tickets, invites and of what peers send each other are written from their fields, and read back. */
import assert from "node:assert/strict";
import { addressFromIpText, addressText, hkdfSha256, ipBytes, ipText } from "@fractal-punch/machine";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  asciiBytes,
  asciiText,
  base64UrlText,
  concatBytes,
  decodeFirstPayload,
  decodeFrame,
  decodeSecondPacket,
  decodeSecondPayload,
  encodeFirstPayload,
  encodeFrame,
  encodeKnock,
  encodeSecondPacket,
  encodeSecondPayload,
  type Frame,
  type HostRefusal,
  hostIdBytes,
  hostIdText,
  type InviteServer,
  inviteFromText,
  inviteText,
  knockMatches,
  knockTag,
  readSealedHeader,
  readU32,
  sealedHeaderBytes,
  tagBytes,
  ticketFromText,
  ticketPassword,
  ticketText,
  writeSealedHeader,
  writeU16,
  writeU32,
} from "@fractal-punch/wire";
import NoiseState from "noise-handshake";
import { type Fields, hexOf, type Value } from "./vector.ts";
import type { Codec } from "./vector-messages.ts";
import { candidateOf, candidateText, profileOf, profileText, tlsIn, tlsOf, word } from "./vector-words.ts";

const refusals = [
  "unknown-invite",
  "invite-ended",
  "time-off",
  "host-full",
  "version",
] as const satisfies HostRefusal[];
const closeReasons = ["done", "shutting-down", "revoked"] as const;

export const sessionCodecs: Readonly<Record<string, Codec>> = {
  "hmac-sha256": oneWay((fields) =>
    nodePrimitives.hmacSha256(asciiBytes(fields.text("key")), asciiBytes(fields.text("data"))),
  ),
  "x25519-public": oneWay((fields) => nodePrimitives.publicKey(fields.bytes("secretKey"))),
  x25519: oneWay((fields) => {
    const shared = nodePrimitives.dh(fields.bytes("secretKey"), fields.bytes("publicKey"));
    assert.ok(shared);
    return shared;
  }),
  "hkdf-sha256": oneWay((fields) =>
    hkdfSha256(nodePrimitives, fields.bytes("secret"), fields.bytes("salt"), asciiBytes(fields.text("info"))),
  ),
  "nonce-key": oneWay((fields) => {
    const data = concatBytes(asciiBytes("fractal-punch nonce key"), fields.bytes("epoch"));
    return nodePrimitives.hmacSha256(asciiBytes(fields.text("key")), data);
  }),
  nonce: oneWay((fields) => {
    const address = fields.address("address");
    const head = Uint8Array.of(address.family, ...ipBytes(address), 0, 0, 0, 0, 0, 0);
    writeU16(head, head.length - 6, address.port);
    writeU32(head, head.length - 4, fields.number("timeSeconds"));
    return asciiBytes(base64UrlText(concatBytes(head.slice(-4), hmac16(fields.bytes("nonceKey"), head))));
  }),
  "invite-proof": oneWay((fields) =>
    hmac16(fields.bytes("inviteSecret"), concatBytes(fields.bytes("ephemeralKey"), fields.bytes("clientKey"))),
  ),
  "host-id": {
    keys: [],
    build: (fields) => asciiBytes(hostIdText(fields.bytes("hostKey"))),
    read: (bytes) => ({ hostKey: hexOf(hostIdBytes(asciiText(bytes)) ?? new Uint8Array(0)) }),
  },
  ticket: {
    keys: ["key"],
    build(fields) {
      const username = fields.text("username");
      return asciiBytes(
        ticketText({ username, password: ticketPassword(nodePrimitives, fields.text("key"), username) }),
      );
    },
    read(bytes, fields) {
      const ticket = ticketFromText(asciiText(bytes));
      assert.ok(ticket);
      assert.equal(ticket.password, ticketPassword(nodePrimitives, fields.text("key"), ticket.username));
      return { username: ticket.username };
    },
  },
  invite: { keys: [], build: buildInvite, read: readInvite },
  "first-payload": { keys: [], build: buildFirstPayload, read: readFirstPayload },
  "second-payload": { keys: [], build: buildSecondPayload, read: readSecondPayload },
  "noise-first": { keys: noiseKeys(), build: (fields) => handshake(fields).first, read: noiseRead },
  "noise-second": { keys: noiseKeys(), build: (fields) => handshake(fields).second, read: noiseRead },
  "noise-transport-keys": { keys: noiseKeys(), build: (fields) => handshake(fields).keys, read: noiseRead },
  "second-packet": {
    keys: [],
    build: (fields) => encodeSecondPacket(fields.number("clientIndex"), fields.bytes("message")),
    read(bytes) {
      const packet = decodeSecondPacket(bytes);
      assert.ok(packet);
      return { clientIndex: packet.clientIndex, message: hexOf(packet.message) };
    },
  },
  knock: {
    keys: ["probeKey"],
    build: (fields) =>
      encodeKnock(nodePrimitives, fields.bytes("probeKey"), "client", fields.bytes("tag"), fields.number("sequence")),
    read(bytes, fields) {
      const tag = knockTag(bytes, "client");
      assert.ok(tag && knockMatches(nodePrimitives, fields.bytes("probeKey"), bytes));
      return { tag: hexOf(tag), sequence: readU32(bytes, 12) };
    },
  },
  sealed: { keys: ["key"], build: buildSealed, read: readSealed },
  frame: { keys: [], build: (fields) => encodeFrame(frameOf(fields)), read: readFrame },
};

/** For what can only be computed again. */
function oneWay(build: (fields: Fields) => Uint8Array): Codec {
  return { keys: ["*"], build, read: () => ({}) };
}

function hmac16(key: Uint8Array, data: Uint8Array): Uint8Array {
  return nodePrimitives.hmacSha256(key, data).slice(0, 16);
}

function buildInvite(fields: Fields): Uint8Array {
  const ticket = ticketFromText(fields.text("ticket"));
  assert.ok(ticket);
  const keys = { hostKey: fields.bytes("hostKey"), id: fields.bytes("id"), secret: fields.bytes("secret") };
  return asciiBytes(inviteText({ servers: fields.list("servers").map(serverOf), ...tlsOf(fields), ...keys, ticket }));
}

function readInvite(bytes: Uint8Array): Record<string, Value | undefined> {
  const invite = inviteFromText(asciiText(bytes));
  assert.ok(typeof invite === "object");
  const keys = { hostKey: hexOf(invite.hostKey), id: hexOf(invite.id), secret: hexOf(invite.secret) };
  return { servers: invite.servers.map(serverText), ...tlsIn(invite.tls), ...keys, ticket: ticketText(invite.ticket) };
}

/** From "name port lastKnownIp ...". */
function serverOf(text: string): InviteServer {
  const [name, portText, ...ips] = text.split(" ");
  assert.ok(name);
  const port = Number(portText);
  const lastKnown = ips.flatMap((ip) => addressFromIpText(ip, port) ?? []);
  assert.equal(lastKnown.length, ips.length);
  return { name, port, lastKnown };
}

function serverText({ name, port, lastKnown }: InviteServer): string {
  return [name, port, ...lastKnown.map(ipText)].join(" ");
}

function buildFirstPayload(fields: Fields): Uint8Array {
  return encodeFirstPayload({
    profile: profileOf(fields.text("profile")),
    index: fields.number("index"),
    timeMs: fields.number("timeMs"),
    probeKey: fields.bytes("probeKey"),
    inviteId: fields.bytes("inviteId"),
    inviteProof: fields.bytes("inviteProof"),
    ...(fields.has("continues") && { continues: fields.number("continues") }),
    candidates: fields.list("candidates").map(candidateOf),
    ...(fields.has("earlyData") && { earlyData: fields.bytes("earlyData") }),
  });
}

function readFirstPayload(bytes: Uint8Array): Record<string, Value | undefined> {
  const payload = decodeFirstPayload(bytes);
  assert.ok(typeof payload === "object");
  const { index, timeMs, continues } = payload;
  return {
    profile: profileText(payload.profile),
    index,
    timeMs,
    probeKey: hexOf(payload.probeKey),
    inviteId: hexOf(payload.inviteId),
    inviteProof: hexOf(payload.inviteProof),
    continues,
    candidates: payload.candidates.map(candidateText),
    earlyData: payload.earlyData && hexOf(payload.earlyData),
  };
}

function buildSecondPayload(fields: Fields): Uint8Array {
  if (fields.has("refusal")) return encodeSecondPayload({ refusal: word(refusals, fields.text("refusal")) });
  return encodeSecondPayload({
    earlyDataTaken: fields.flag("earlyDataTaken"),
    profile: profileOf(fields.text("profile")),
    index: fields.number("index"),
    candidates: fields.list("candidates").map(candidateOf),
  });
}

function readSecondPayload(bytes: Uint8Array): Record<string, Value | undefined> {
  const payload = decodeSecondPayload(bytes);
  assert.ok(payload);
  if (payload.refusal !== undefined) return { refusal: payload.refusal };
  const { earlyDataTaken, index } = payload;
  return {
    earlyDataTaken,
    profile: profileText(payload.profile),
    index,
    candidates: payload.candidates.map(candidateText),
  };
}

function noiseKeys(): string[] {
  return ["clientSecretKey", "clientEphemeralSecretKey", "hostSecretKey", "hostEphemeralSecretKey", "prologue"];
}

/** By a package that is not ours: both sides, with the ephemeral keys of the vector. */
function handshake(fields: Fields): { first: Uint8Array; second: Uint8Array; keys: Uint8Array } {
  const client = new NoiseState("IK", true, keyPair(fields.bytes("clientSecretKey")));
  const host = new NoiseState("IK", false, keyPair(fields.bytes("hostSecretKey")));
  const prologue = Buffer.from(fields.text("prologue"));
  client.initialise(prologue, keyPair(fields.bytes("hostSecretKey")).publicKey);
  host.initialise(prologue);
  client.e = keyPair(fields.bytes("clientEphemeralSecretKey"));
  const first = Uint8Array.from(client.send(Buffer.from(fields.bytes("firstPayload"))));
  assert.deepEqual(Uint8Array.from(host.recv(Buffer.from(first))), fields.bytes("firstPayload"));
  if (!fields.has("secondPayload")) return { first, second: first, keys: first };
  host.e = keyPair(fields.bytes("hostEphemeralSecretKey"));
  const second = Uint8Array.from(host.send(Buffer.from(fields.bytes("secondPayload"))));
  assert.deepEqual(Uint8Array.from(client.recv(Buffer.from(second))), fields.bytes("secondPayload"));
  assert.deepEqual([client.tx, client.rx], [host.rx, host.tx]);
  return { first, second, keys: Uint8Array.from([...client.tx, ...client.rx]) };
}

/** The payloads come out of the handshake, which compares them. */
function noiseRead(_: Uint8Array, fields: Fields): Record<string, Value | undefined> {
  const second = fields.has("secondPayload") ? fields.text("secondPayload") : undefined;
  return { firstPayload: fields.text("firstPayload"), secondPayload: second };
}

function keyPair(secretKey: Uint8Array): { publicKey: Buffer; secretKey: Buffer } {
  return { publicKey: Buffer.from(nodePrimitives.publicKey(secretKey)), secretKey: Buffer.from(secretKey) };
}

function buildSealed(fields: Fields): Uint8Array {
  const plain = fields.bytes("frame");
  const bytes = new Uint8Array(sealedHeaderBytes + plain.length + tagBytes);
  writeSealedHeader(bytes, fields.number("index"), fields.number("counter"));
  const head = bytes.slice(0, sealedHeaderBytes);
  nodePrimitives.seal(fields.bytes("key"), fields.number("counter"), head, plain, bytes.subarray(sealedHeaderBytes));
  return bytes;
}

function readSealed(bytes: Uint8Array, fields: Fields): Record<string, Value | undefined> {
  const header = readSealedHeader(bytes);
  assert.ok(header);
  const plain = new Uint8Array(bytes.length - sealedHeaderBytes - tagBytes);
  const [head, sealed] = [bytes.slice(0, sealedHeaderBytes), bytes.slice(sealedHeaderBytes)];
  assert.ok(nodePrimitives.open(fields.bytes("key"), header.counter, head, sealed, plain));
  return { ...header, frame: hexOf(plain) };
}

function frameOf(fields: Fields): Frame {
  const kind = fields.text("frame");
  switch (kind) {
    case "nothing":
    case "resumed":
      return { kind };
    case "data":
      return { kind, data: fields.bytes("data") };
    case "probe":
      return { kind, id: fields.number("id") };
    case "probe-reply":
      return { kind, id: fields.number("id"), seen: fields.address("seen") };
    case "candidates": {
      const round = { round: fields.number("round"), answer: fields.flag("answer") };
      const candidates = fields.list("candidates").map(candidateOf);
      return { kind, ...round, profile: profileOf(fields.text("profile")), candidates };
    }
    case "rekey-first":
    case "rekey-second":
      return { kind, message: fields.bytes("message") };
    case "resume":
      return { kind, timeMs: fields.number("timeMs") };
    case "close":
      return { kind, reason: word(closeReasons, fields.text("reason")) };
    case "fresh": {
      const attempt = { attempt: fields.number("attempt"), answer: fields.flag("answer") };
      return { kind, ...attempt, address: fields.address("address") };
    }
    default:
      return assert.fail(kind);
  }
}

function readFrame(bytes: Uint8Array): Record<string, Value | undefined> {
  const frame = decodeFrame(bytes);
  assert.ok(frame);
  const { kind, ...rest } = frame;
  const values: Record<string, Value | undefined> = { frame: kind };
  for (const [name, value] of Object.entries(rest)) if (typeof value !== "object") values[name] = value;
  if (frame.kind === "data") values["data"] = hexOf(frame.data);
  if (frame.kind === "rekey-first" || frame.kind === "rekey-second") values["message"] = hexOf(frame.message);
  if (frame.kind === "probe-reply") values["seen"] = addressText(frame.seen);
  if (frame.kind === "fresh") values["address"] = addressText(frame.address);
  if (frame.kind !== "candidates") return values;
  return { ...values, profile: profileText(frame.profile), candidates: frame.candidates.map(candidateText) };
}
