/** How the vectors of STUN and rendezvous messages are written from their fields, and read back. */
import assert from "node:assert/strict";
import { addressText } from "@fractal-punch/machine";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  type Approach,
  Attribute,
  asciiBytes,
  asciiText,
  channelDataNumber,
  channelDataPayload,
  channelOf,
  decodeBound,
  decodeConnect,
  decodeConnected,
  decodeIntroduction,
  decodeRegistered,
  decodeRegistration,
  decodeVerdict,
  ErrorCode,
  encodeBinding,
  encodeBound,
  encodeConnect,
  encodeConnected,
  encodeIntroduction,
  encodeNoChannel,
  encodeRefresh,
  encodeRefusal,
  encodeRegister,
  encodeRegisterAsk,
  encodeRegistered,
  encodeRegistrationEnd,
  encodeReport,
  encodeVerdict,
  errorCodeOf,
  integrityMatches,
  Method,
  macMatches,
  type Signature,
  StunBuilder,
  StunMessage,
  textOf,
  u64Of,
  writeChannelHeader,
  xorAddress,
} from "@fractal-punch/wire";
import { type Fields, hexOf, type Value } from "./vector.ts";
import { profileText, tlsIn, tlsOf, verdictOf } from "./vector-words.ts";

export interface Codec {
  build(fields: Fields): Uint8Array;
  /** All fields that are in the bytes; `undefined` for those that are not there. */
  read(bytes: Uint8Array, fields: Fields): Readonly<Record<string, Value | undefined>>;
  /** The fields that are not in the bytes: keys. */
  readonly keys: readonly string[];
}

const password = ["password"];
const registrationKey = ["registrationKey"];

export const messageCodecs: Readonly<Record<string, Codec>> = {
  "binding-request": {
    keys: [],
    build: (fields) => encodeBinding(new StunBuilder(), fields.bytes("transactionId"), fields.flag("withEpoch")),
    read(bytes) {
      const message = loaded(bytes);
      return { ...idOf(message), withEpoch: message.has(Attribute.epoch) };
    },
  },
  "binding-success": {
    keys: [],
    build(fields) {
      const epoch = fields.has("epoch") ? fields.bytes("epoch") : undefined;
      return encodeBound(new StunBuilder(), fields.bytes("transactionId"), fields.address("mapped"), epoch);
    },
    read(bytes) {
      const message = loaded(bytes);
      const bound = decodeBound(message);
      assert.ok(bound);
      return { ...idOf(message), mapped: addressText(bound.mapped), epoch: bound.epoch && hexOf(bound.epoch) };
    },
  },
  "no-channel": {
    keys: [],
    build: (fields) => encodeNoChannel(new StunBuilder(), fields.bytes("transactionId"), fields.number("channel")),
    read(bytes) {
      const message = loaded(bytes);
      return { ...idOf(message), channel: channelOf(message) };
    },
  },
  "channel-data": {
    keys: [],
    build(fields) {
      const data = fields.bytes("data");
      const bytes = new Uint8Array(4 + data.length);
      writeChannelHeader(bytes, fields.number("channel"), data.length);
      bytes.set(data, 4);
      return bytes;
    },
    read: (bytes) => ({ channel: channelDataNumber(bytes), data: hexOf(channelDataPayload(bytes)) }),
  },
  "register-ask": {
    keys: [],
    build: (fields) => encodeRegisterAsk(new StunBuilder(), fields.bytes("transactionId"), fields.bytes("hostKey")),
    read(bytes) {
      const message = loaded(bytes);
      return { ...idOf(message), hostKey: hexValue(message, Attribute.hostId) };
    },
  },
  register: {
    keys: ["sharedSecret", "password"],
    build(fields) {
      const nonce = asciiBytes(fields.text("nonce"));
      const proof = {
        ...registrationOf(fields),
        username: fields.text("username"),
        nonce,
        dialled: fields.address("dialled"),
      };
      const id = fields.bytes("transactionId");
      return encodeRegister(new StunBuilder(), id, proof, fields.bytes("sharedSecret"), signatureOf(fields));
    },
    read(bytes, fields) {
      const message = loaded(bytes, fields);
      assert.ok(macMatches(nodePrimitives, fields.bytes("sharedSecret"), message, Attribute.hostProof));
      const dialled = xorAddress(message, Attribute.dialledAddress);
      const rest = { nonce: textOf(message, Attribute.nonce), dialled: dialled && addressText(dialled) };
      return { ...idOf(message), username: textOf(message, Attribute.username), ...registrationIn(message), ...rest };
    },
  },
  refresh: {
    keys: registrationKey,
    build: (fields) =>
      encodeRefresh(new StunBuilder(), fields.bytes("transactionId"), registrationOf(fields), signatureOf(fields)),
    read(bytes, fields) {
      const message = loaded(bytes, fields);
      return { ...idOf(message), ...registrationIn(message) };
    },
  },
  registered: {
    keys: registrationKey,
    build(fields) {
      const times = { lifetimeSeconds: fields.number("lifetimeSeconds"), timeMs: fields.number("timeMs") };
      const registered = { mapped: fields.address("mapped"), ...times, epoch: fields.bytes("epoch"), ...tlsOf(fields) };
      return encodeRegistered(new StunBuilder(), fields.bytes("transactionId"), registered, signatureOf(fields));
    },
    read(bytes, fields) {
      const message = loaded(bytes, fields);
      const registered = decodeRegistered(message);
      assert.ok(registered);
      const { tls, ...rest } = registered;
      return {
        ...idOf(message),
        ...rest,
        ...tlsIn(tls),
        mapped: addressText(registered.mapped),
        epoch: hexOf(registered.epoch),
      };
    },
  },
  "registration-end": {
    keys: registrationKey,
    build: (fields) =>
      encodeRegistrationEnd(
        new StunBuilder(),
        fields.bytes("transactionId"),
        codeOf(fields),
        fields.text("reason"),
        signatureOf(fields),
      ),
    read(bytes, fields) {
      const message = loaded(bytes, fields);
      return { ...idOf(message), ...errorIn(message) };
    },
  },
  refusal: {
    keys: ["method", "password"],
    build(fields) {
      const nonce = fields.has("nonce") ? { nonce: asciiBytes(fields.text("nonce")) } : {};
      const serverKey = fields.has("serverKey") ? { serverKey: fields.bytes("serverKey") } : {};
      const timeMs = fields.has("timeMs") ? { timeMs: fields.number("timeMs") } : {};
      const refusal = { code: codeOf(fields), reason: fields.text("reason"), ...nonce, ...serverKey, ...timeMs };
      const signature = fields.has("password") ? signatureOf(fields) : undefined;
      return encodeRefusal(new StunBuilder(), methodOf(fields), fields.bytes("transactionId"), refusal, signature);
    },
    read(bytes, fields) {
      const message = loaded(bytes, fields.has("password") ? fields : undefined);
      assert.equal(message.method, methodOf(fields));
      const rest = { serverKey: hexValue(message, Attribute.serverKey), timeMs: u64Of(message, Attribute.time) };
      return { ...idOf(message), ...errorIn(message), nonce: textOf(message, Attribute.nonce), ...rest };
    },
  },
  connect: {
    keys: password,
    build(fields) {
      const nonce = fields.has("nonce") ? { nonce: asciiBytes(fields.text("nonce")) } : {};
      const request = {
        username: fields.text("username"),
        timeMs: fields.number("timeMs"),
        ...approachOf(fields),
        ...nonce,
      };
      return encodeConnect(new StunBuilder(), fields.bytes("transactionId"), request, signatureOf(fields));
    },
    read(bytes, fields) {
      const message = loaded(bytes, fields);
      const request = decodeConnect(message);
      assert.ok(request);
      const { username, timeMs } = request;
      const nonce = request.nonce && asciiText(request.nonce);
      return { ...idOf(message), username, timeMs, nonce, ...approachIn(request.approach) };
    },
  },
  connected: {
    keys: password,
    build(fields) {
      const addresses = { mapped: fields.address("mapped"), hostAddresses: fields.addresses("hostAddresses") };
      const rest = {
        channel: fields.number("channel"),
        nonce: asciiBytes(fields.text("nonce")),
        epoch: fields.bytes("epoch"),
      };
      const connected = { ...addresses, ...rest, proven: fields.flag("proven") };
      return encodeConnected(new StunBuilder(), fields.bytes("transactionId"), connected, signatureOf(fields));
    },
    read(bytes, fields) {
      const message = loaded(bytes, fields);
      const connected = decodeConnected(message);
      assert.ok(connected);
      const { channel, proven } = connected;
      const addresses = {
        mapped: addressText(connected.mapped),
        hostAddresses: connected.hostAddresses.map(addressText),
      };
      const rest = { nonce: asciiText(connected.nonce), epoch: hexOf(connected.epoch) };
      return { ...idOf(message), ...addresses, channel, ...rest, proven };
    },
  },
  introduce: {
    keys: registrationKey,
    build(fields) {
      const client = fields.has("client") ? { client: fields.address("client") } : {};
      const where = { ...client, channel: fields.number("channel") };
      const introduction = { ...where, proven: fields.flag("proven"), ...approachOf(fields) };
      return encodeIntroduction(new StunBuilder(), fields.bytes("transactionId"), introduction, signatureOf(fields));
    },
    read(bytes, fields) {
      const message = loaded(bytes, fields);
      const introduction = decodeIntroduction(message);
      assert.ok(introduction);
      const { channel, proven, client, approach } = introduction;
      return {
        ...idOf(message),
        ...(client && { client: addressText(client) }),
        channel,
        proven,
        ...approachIn(approach),
      };
    },
  },
  report: {
    keys: [...password, ...registrationKey],
    build(fields) {
      const from = fields.has("username")
        ? { username: fields.text("username") }
        : { hostKey: fields.bytes("hostKey") };
      const verdict = encodeVerdict(verdictOf(fields));
      return encodeReport(new StunBuilder(), fields.bytes("transactionId"), from, verdict, signatureOf(fields));
    },
    read(bytes, fields) {
      const message = loaded(bytes, fields);
      const verdict = decodeVerdict(message.value(Attribute.verdict) ?? new Uint8Array(0));
      assert.ok(verdict);
      const profiles = { ownProfile: profileText(verdict.ownProfile), otherProfile: profileText(verdict.otherProfile) };
      const from = { username: textOf(message, Attribute.username), hostKey: hexValue(message, Attribute.hostId) };
      return { ...idOf(message), ...from, ...verdict, ...profiles };
    },
  },
};

function loaded(bytes: Uint8Array, signed?: Fields): StunMessage {
  const message = new StunMessage();
  assert.equal(message.load(bytes), undefined);
  assert.ok(message.has(Attribute.fingerprint));
  const signature = signed && signatureOf(signed);
  assert.equal(message.has(Attribute.messageIntegritySha256), signature !== undefined);
  if (signature) assert.ok(integrityMatches(nodePrimitives, signature.key, message));
  return message;
}

function signatureOf(fields: Fields): Signature {
  const key = fields.has("password") ? asciiBytes(fields.text("password")) : fields.bytes("registrationKey");
  return { macs: nodePrimitives, key };
}

function idOf(message: StunMessage): { transactionId: string } {
  return { transactionId: hexOf(message.transactionId) };
}

function hexValue(message: StunMessage, type: number): string | undefined {
  const value = message.value(type);
  return value && hexOf(value);
}

function registrationOf(fields: Fields): { hostKey: Uint8Array; instance: Uint8Array; sequence: number } {
  return { hostKey: fields.bytes("hostKey"), instance: fields.bytes("instance"), sequence: fields.number("sequence") };
}

function registrationIn(message: StunMessage): { hostKey: string; instance: string; sequence: number } {
  const registration = decodeRegistration(message);
  assert.ok(registration);
  const { hostKey, instance, sequence } = registration;
  return { hostKey: hexOf(hostKey), instance: hexOf(instance), sequence };
}

function approachOf(fields: Fields): { approach?: Approach } {
  if (fields.has("firstMessage")) return { approach: { kind: "first", message: fields.bytes("firstMessage") } };
  return fields.has("resume") ? { approach: { kind: "resume", packet: fields.bytes("resume") } } : {};
}

function approachIn(approach: Approach | undefined): Record<string, string> {
  if (approach === undefined) return {};
  return approach.kind === "first" ? { firstMessage: hexOf(approach.message) } : { resume: hexOf(approach.packet) };
}

function codeOf(fields: Fields): ErrorCode {
  const code = Object.values(ErrorCode).find((known) => known === fields.number("code"));
  assert.ok(code);
  return code;
}

function methodOf(fields: Fields): number {
  return fields.text("method") === "Register" ? Method.register : Method.connect;
}

function errorIn(message: StunMessage): { code: number | undefined; reason: string } {
  const value = message.value(Attribute.errorCode);
  assert.ok(value);
  return { code: errorCodeOf(message), reason: asciiText(value.subarray(4)) };
}
