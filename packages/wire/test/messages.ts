/** Every message of rendezvous.ts as the property tests use it: how to write it, and what a reader must find in it. */
import {
  Attribute,
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
  encodeLeave,
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
  isLeaving,
  MessageClass,
  Method,
  type Signature,
  type StunBuilder,
  type StunMessage,
  textOf,
  u64Of,
  xorAddress,
} from "@fractal-punch/wire";
import fc from "fast-check";
import { address, approach, bytesOf, channel, ip4, ip6, nonce, u32, u64, username, verdict } from "./arbitraries.ts";

export interface Sample {
  readonly method: number;
  readonly messageClass: MessageClass;
  /** Whether `write` signs with the given key. */
  readonly signed: boolean;
  write(builder: StunBuilder, transactionId: Uint8Array, signature: Signature): Uint8Array;
  read(message: StunMessage): unknown;
  readonly expected: unknown;
}

const { request, success, error, indication } = MessageClass;
const anyCode = fc.constantFrom(...Object.values(ErrorCode));
const reason = fc.stringMatching(/^[ -~]{0,64}$/);
const registration = fc.record(
  { hostKey: bytesOf(32), instance: bytesOf(8), sequence: u64 },
  { noNullPrototype: true },
);

export const samples: Readonly<Record<string, fc.Arbitrary<Sample>>> = {
  "a Binding request": fc.boolean().map((withEpoch) => ({
    ...kind(Method.binding, request, false),
    write: (builder, id) => encodeBinding(builder, id, withEpoch),
    read: (message) => message.has(Attribute.epoch),
    expected: withEpoch,
  })),
  "a Binding success": fc
    .record({ mapped: address, epoch: bytesOf(8) }, { noNullPrototype: true, requiredKeys: ["mapped"] })
    .map((bound) => ({
      ...kind(Method.binding, success, false),
      write: (builder, id) => encodeBound(builder, id, bound.mapped, bound.epoch),
      read: decodeBound,
      expected: bound,
    })),
  "a first Register": bytesOf(32).map((hostKey) => ({
    ...kind(Method.register, request, false),
    write: (builder, id) => encodeRegisterAsk(builder, id, hostKey),
    read: (message) => message.fixed(Attribute.hostId, 32),
    expected: hostKey,
  })),
  "a Register with proof": fc
    .record(
      { hostKey: bytesOf(32), instance: bytesOf(8), sequence: u64, username, nonce, dialled: address },
      { noNullPrototype: true },
    )
    .map((proof) => ({
      ...kind(Method.register, request),
      write: (builder, id, signature) => encodeRegister(builder, id, proof, new Uint8Array(32).fill(7), signature),
      read: (message) => ({
        ...decodeRegistration(message),
        username: textOf(message, Attribute.username),
        nonce: message.value(Attribute.nonce),
        dialled: xorAddress(message, Attribute.dialledAddress),
      }),
      expected: proof,
    })),
  "a refresh": registration.map((expected) => ({
    ...kind(Method.register, request),
    write: (builder, id, signature) => encodeRefresh(builder, id, expected, signature),
    read: decodeRegistration,
    expected,
  })),
  "a refresh that leaves": registration.map((expected) => ({
    ...kind(Method.register, request),
    write: (builder, id, signature) => encodeLeave(builder, id, expected, signature),
    read: (message) => ({ ...decodeRegistration(message), leaving: isLeaving(message) }),
    expected: { ...expected, leaving: true },
  })),
  "a Register success": fc
    .record({ mapped: address, lifetimeSeconds: u32, timeMs: u64, epoch: bytesOf(8) }, { noNullPrototype: true })
    .map((expected) => ({
      ...kind(Method.register, success),
      write: (builder, id, signature) => encodeRegistered(builder, id, expected, signature),
      read: decodeRegistered,
      expected,
    })),
  "the end of a registration": fc.tuple(anyCode, reason).map(([code, text]) => ({
    ...kind(Method.register, indication),
    write: (builder, id, signature) => encodeRegistrationEnd(builder, id, code, text, signature),
    read: errorCodeOf,
    expected: code,
  })),
  "a Connect request": fc
    .record({ username, timeMs: u64, approach, nonce }, { noNullPrototype: true, requiredKeys: ["username", "timeMs"] })
    .map((expected) => ({
      ...kind(Method.connect, request),
      write: (builder, id, signature) => encodeConnect(builder, id, expected, signature),
      read: decodeConnect,
      expected: { approach: undefined, nonce: undefined, ...expected },
    })),
  "a Connect success": fc
    .record(
      {
        mapped: address,
        hostAddresses: fc.oneof(fc.tuple(ip4), fc.tuple(ip6), fc.tuple(ip4, ip6), fc.constant([])),
        channel,
        nonce,
        epoch: bytesOf(8),
        proven: fc.boolean(),
      },
      { noNullPrototype: true },
    )
    .map((expected) => ({
      ...kind(Method.connect, success),
      write: (builder, id, signature) => encodeConnected(builder, id, expected, signature),
      read: decodeConnected,
      expected,
    })),
  "an Introduce": fc
    .record(
      { client: address, channel, proven: fc.boolean(), approach },
      { noNullPrototype: true, requiredKeys: ["client", "channel", "proven"] },
    )
    .map((expected) => ({
      ...kind(Method.introduce, indication),
      write: (builder, id, signature) => encodeIntroduction(builder, id, expected, signature),
      read: decodeIntroduction,
      expected,
    })),
  "the hint that a channel is not known": channel.map((number) => ({
    ...kind(Method.connect, indication, false),
    write: (builder, id) => encodeNoChannel(builder, id, number),
    read: channelOf,
    expected: number,
  })),
  "a Report": fc
    .tuple(
      verdict,
      fc.oneof(
        fc.record({ username }, { noNullPrototype: true }),
        fc.record({ hostKey: bytesOf(32) }, { noNullPrototype: true }),
      ),
    )
    .map(([report, from]) => ({
      ...kind(Method.report, indication),
      write: (builder, id, signature) => encodeReport(builder, id, from, encodeVerdict(report), signature),
      read: (message) => decodeVerdict(message.value(Attribute.verdict) ?? new Uint8Array(0)),
      expected: report,
    })),
  "a refusal": fc
    .record(
      { code: anyCode, reason, nonce, serverKey: bytesOf(32), timeMs: u64 },
      { noNullPrototype: true, requiredKeys: ["code", "reason"] },
    )
    .map((refusal) => ({
      ...kind(Method.connect, error),
      write: (builder, id, signature) => encodeRefusal(builder, Method.connect, id, refusal, signature),
      read: (message) => [
        errorCodeOf(message),
        message.value(Attribute.nonce),
        message.value(Attribute.serverKey),
        u64Of(message, Attribute.time),
      ],
      expected: [refusal.code, refusal.nonce, refusal.serverKey, refusal.timeMs],
    })),
};

function kind(
  method: number,
  messageClass: MessageClass,
  signed = true,
): Pick<Sample, "method" | "messageClass" | "signed"> {
  return { method, messageClass, signed };
}
