/** Bytes that nobody of ours wrote: no reader throws, whatever they are, and no reader writes to them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  additionalFamilyOf,
  ByteReader,
  base32Bytes,
  base64UrlBytes,
  changeRequestOf,
  channelDataNumber,
  channelDataPayload,
  channelOf,
  classicFault,
  connectionIdOf,
  datagramKind,
  decodeBound,
  decodeConnect,
  decodeConnected,
  decodeFirstPayload,
  decodeFrame,
  decodeIntroduction,
  decodeRegistered,
  decodeRegistration,
  decodeSecondPacket,
  decodeSecondPayload,
  decodeVerdict,
  encodeFirstPayload,
  encodeFrame,
  encodeSecondPayload,
  encodeVerdict,
  errorCodeOf,
  evenPortOf,
  icmpErrorOf,
  integrityMatches,
  integritySha1Matches,
  inviteFromText,
  inviteText,
  knockMatches,
  knockTag,
  lifetimeOf,
  MessageClass,
  Method,
  macMatches,
  nonceCookie,
  passwordAlgorithmOf,
  passwordAlgorithmsOf,
  passwordAlgorithmsValue,
  plainAddress,
  readAddress,
  readCandidates,
  readClassicRequest,
  readClassicText,
  readProfile,
  readSealedHeader,
  requestedFamilyOf,
  requestedTransportOf,
  reservationTokenOf,
  responsePortOf,
  StreamFrames,
  StunBuilder,
  StunMessage,
  securityFeatures,
  startsClassicRequest,
  textOf,
  ticketFromText,
  u32Of,
  u64Of,
  xorAddresses,
} from "@fractal-punch/wire";
import fc from "fast-check";
import { bytesOf, bytesUpTo, firstPayload, frames, invite, secondPayload, verdict } from "./arbitraries.ts";
import { samples } from "./messages.ts";

const key = new Uint8Array(32).fill(1);

test("arbitrary bytes never throw in any reader", () => {
  fc.assert(
    fc.property(bytesUpTo(1300), (bytes) => readAll(bytes)),
    { numRuns: 300 },
  );
  for (let length = 0; length < 300; length++)
    for (const fill of [0, 1, 0x40, 0xff]) readAll(new Uint8Array(length).fill(fill));
});

test("arbitrary bytes behind every known beginning never throw", () => {
  const beginnings = [
    "0001",
    "01130000",
    "0008000c2112a442",
    "08000000",
    "09000000",
    "0a000000",
    "40000004",
    "4fffffff",
    "00000000",
    "01000000",
    "312e322e332e34",
  ];
  const beginning = fc.constantFrom(...beginnings).map((hex) => Buffer.from(hex, "hex"));
  fc.assert(
    fc.property(beginning, bytesUpTo(200), (first, rest) => readAll(Uint8Array.of(...first, ...rest))),
    { numRuns: 500 },
  );
});

test("STUN messages of arbitrary attributes never throw in any reader", () => {
  fc.assert(
    fc.property(anyStun(), (bytes) => readAll(bytes)),
    { numRuns: 1000 },
  );
});

for (const [name, valid] of Object.entries(validBytes())) {
  test(`every truncation of ${name} is read without throwing`, () => {
    fc.assert(
      fc.property(valid, (bytes) => {
        for (let length = 0; length <= bytes.length; length += bytes.length > 300 ? 7 : 1)
          readAll(bytes.slice(0, length));
      }),
      { numRuns: 4 },
    );
  });

  test(`random mutations of ${name} are read without throwing`, () => {
    const edit = fc.tuple(fc.nat(1300), fc.nat(255), fc.constantFrom("set", "insert", "remove"));
    fc.assert(
      fc.property(valid, fc.array(edit, { minLength: 1, maxLength: 6 }), (bytes, edits) => {
        const mutated = [...bytes];
        for (const [at, value, how] of edits)
          mutated.splice(at % (mutated.length + 1), how === "insert" ? 0 : 1, ...(how === "remove" ? [] : [value]));
        readAll(Uint8Array.from(mutated));
      }),
      { numRuns: 60 },
    );
  });
}

test("arbitrary text and mutated invites never throw in a reader of text", () => {
  const characters = fc.string({ unit: "binary", maxLength: 200 });
  const digits = fc.stringMatching(/^fp1-[A-Za-z0-9_-]{0,300}$/);
  fc.assert(
    fc.property(fc.oneof(characters, digits), (text) => readText(text)),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(invite, fc.nat(600), characters, (drawn, at, put) => {
      const text = inviteText(drawn);
      readText(text.slice(0, at) + put + text.slice(at));
      readText(text.slice(0, at));
    }),
  );
});

test("the families of datagrams never overlap", () => {
  const counts = { stun: 0, session: 0, "channel-data": 0, unknown: 0 };
  for (let first = 0; first < 256; first++) {
    const bytes = new Uint8Array(1300);
    bytes[0] = first;
    const kind = datagramKind(bytes);
    counts[kind]++;
    if (kind !== "stun") assert.equal(new StunMessage().load(bytes), "not-stun");
    if (kind !== "channel-data") assert.equal(channelDataNumber(bytes), undefined);
    if (kind === "session") continue;
    assert.deepEqual([readSealedHeader(bytes), decodeSecondPacket(bytes)], [undefined, undefined]);
    assert.deepEqual(
      [knockTag(bytes.subarray(0, 32), "client"), knockTag(bytes.subarray(0, 32), "host")],
      [undefined, undefined],
    );
  }
  assert.deepEqual(counts, { stun: 4, session: 8, "channel-data": 16, unknown: 228 });
  assert.equal(datagramKind(new Uint8Array(0)), "unknown");
});

/** All readers on the same bytes; they may find anything, but must not throw and must not write. */
function readAll(bytes: Uint8Array): void {
  const before = bytes.slice();
  readStun(bytes);
  readStream(bytes);
  datagramKind(bytes);
  if (channelDataNumber(bytes) !== undefined) channelDataPayload(bytes);
  readSealedHeader(bytes);
  knockTag(bytes, "client");
  knockTag(bytes, "host");
  classicFault(bytes);
  startsClassicRequest(bytes);
  readClassicRequest(bytes);
  readClassicText(bytes);
  knockMatches(nodePrimitives, key, bytes);
  decodeSecondPacket(bytes);
  decodeFirstPayload(bytes);
  decodeSecondPayload(bytes);
  decodeFrame(bytes);
  decodeVerdict(bytes);
  readCandidates(new ByteReader(bytes));
  readAddress(new ByteReader(bytes));
  readProfile(new ByteReader(bytes));
  assert.deepEqual(bytes, before);
}

function readStream(bytes: Uint8Array): void {
  const cutter = new StreamFrames();
  cutter.push(bytes);
  let next = cutter.next();
  while (next instanceof Uint8Array) next = cutter.next();
  assert.ok(cutter.heldBytes <= bytes.length);
}

/** Also after a fault: a caller that forgets to look must not be hurt. */
function readStun(bytes: Uint8Array): void {
  const message = new StunMessage();
  message.load(bytes);
  integrityMatches(nodePrimitives, key, message);
  integritySha1Matches(nodePrimitives, key, message);
  macMatches(nodePrimitives, key, message, Attribute.hostProof);
  message.unknownRequired(new Set());
  decodeBound(message);
  decodeRegistration(message);
  decodeRegistered(message);
  decodeConnect(message);
  decodeConnected(message);
  decodeIntroduction(message);
  channelOf(message);
  errorCodeOf(message);
  readTurn(message);
  for (const type of Object.values(Attribute)) {
    textOf(message, type);
    u32Of(message, type);
    u64Of(message, type);
    xorAddresses(message, type);
    plainAddress(message, type);
    securityFeatures(message.value(type) ?? bytes);
  }
}

function readTurn(message: StunMessage): void {
  requestedTransportOf(message);
  requestedFamilyOf(message);
  additionalFamilyOf(message);
  evenPortOf(message);
  reservationTokenOf(message);
  lifetimeOf(message);
  connectionIdOf(message);
  icmpErrorOf(message);
  changeRequestOf(message);
  responsePortOf(message);
  passwordAlgorithmOf(message);
  passwordAlgorithmsOf(message);
}

function readText(text: string): void {
  const read = inviteFromText(text);
  if (typeof read === "object") assert.deepEqual(inviteFromText(inviteText(read)), read);
  ticketFromText(text);
  base64UrlBytes(text);
  base32Bytes(text);
}

/** A well-formed message without a fingerprint, so that readers see what is in it. */
function anyStun(): fc.Arbitrary<Uint8Array> {
  const type = fc
    .oneof(fc.constantFrom(...Object.values(Attribute)), fc.nat(0xffff))
    .filter((drawn) => drawn !== Attribute.fingerprint);
  const length = fc.oneof(fc.constantFrom(0, 4, 8, 16, 20, 32), fc.nat(40));
  const attribute = fc.tuple(type, length.chain(bytesOf));
  const head = fc.tuple(
    fc.constantFrom(...Object.values(MessageClass)),
    fc.constantFrom(...Object.values(Method)),
    bytesOf(12),
  );
  return fc
    .tuple(head, fc.array(attribute, { maxLength: 16, size: "max" }))
    .map(([[messageClass, method, id], attributes]) => {
      const builder = new StunBuilder().begin(messageClass, method, id);
      for (const [drawn, value] of attributes) builder.attribute(drawn, value);
      return builder.bytes().slice();
    });
}

/** One that has all that an Allocate may ask for. */
function allocateBytes(token: Uint8Array): Uint8Array {
  const builder = new StunBuilder().begin(MessageClass.request, Method.allocate, new Uint8Array(12));
  builder.u32(Attribute.requestedTransport, 0x1100_0000).u32(Attribute.requestedAddressFamily, 0x0200_0000);
  builder.u32(Attribute.additionalAddressFamily, 0x0200_0000).attribute(Attribute.evenPort, Uint8Array.of(0x80));
  builder.u32(Attribute.lifetime, 600).attribute(Attribute.reservationToken, token);
  const nonce = nonceCookie({ passwordAlgorithms: true, usernameAnonymity: true });
  builder.attribute(Attribute.nonce, nonce).attribute(Attribute.userhash, new Uint8Array(32));
  const algorithms = passwordAlgorithmsValue(["sha256", "md5"]);
  builder.attribute(Attribute.passwordAlgorithms, algorithms);
  builder.attribute(Attribute.passwordAlgorithm, algorithms.subarray(0, 4));
  return builder.integrity(nodePrimitives, key).fingerprint().bytes().slice();
}

function validBytes(): Record<string, fc.Arbitrary<Uint8Array>> {
  const all: Record<string, fc.Arbitrary<Uint8Array>> = {
    "a first payload": firstPayload.map(encodeFirstPayload),
    "a second payload": secondPayload.map(encodeSecondPayload),
    "a verdict": verdict.map(encodeVerdict),
    "STUN of arbitrary attributes": anyStun(),
    "an Allocate": bytesOf(8).map(allocateBytes),
  };
  for (const [kind, frame] of Object.entries(frames)) all[`a frame of kind ${kind}`] = frame.map(encodeFrame);
  for (const [name, sample] of Object.entries(samples))
    all[name] = sample.map((drawn) =>
      drawn.write(new StunBuilder(), new Uint8Array(12), { macs: nodePrimitives, key }).slice(),
    );
  return all;
}
