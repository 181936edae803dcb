/**
 * The rendezvous messages (docs/protocol.md sections 2, 4, 5 and 9): one function writes each, one reads each. Writers
 * leave the message in the builder; readers take a message whose integrity was checked, and give `undefined` when a
 * field is missing or malformed.
 */
import type { Address, Macs } from "@fractal-punch/machine";
import { channelOf, textOf, u32Of, u64Of, xorAddress, xorAddresses } from "./attributes.ts";
import type { StunBuilder } from "./builder.ts";
import type { StunMessage } from "./message.ts";
import { Attribute, type ErrorCode, MessageClass, Method } from "./numbers.ts";
import { type TlsEntrance, tlsEntranceBytes, tlsEntranceOf, tlsEntranceValue } from "./tls-entrance.ts";

/** An answer to a bare Register is no larger than this, and a Connect's answer no larger than `connectBytes`. */
export const registerAskBytes = 200;
export const connectBytes = 1200;
const fingerprintOnly = 8;

/** The key that signs a message: a ticket's password as ASCII bytes, or a registration key. */
export interface Signature {
  readonly macs: Macs;
  readonly key: Uint8Array;
}

function finish(builder: StunBuilder, signature?: Signature): Uint8Array {
  if (signature) builder.integrity(signature.macs, signature.key);
  return builder.fingerprint().bytes();
}

// Binding

/** `withEpoch` asks for the server's epoch. */
export function encodeBinding(builder: StunBuilder, transactionId: Uint8Array, withEpoch: boolean): Uint8Array {
  builder.begin(MessageClass.request, Method.binding, transactionId);
  if (withEpoch) builder.attribute(Attribute.epoch, new Uint8Array(8));
  return finish(builder);
}

/** What behaviour discovery (RFC 5780) adds to a Binding's success. */
export interface Discovered {
  /** The server's address that the answer leaves from. */
  readonly origin?: Address | undefined;
  /** The one that differs from it by IP address and port. */
  readonly other?: Address | undefined;
  /** How long the answer is made with PADDING. */
  readonly totalBytes?: number | undefined;
}

export function encodeBound(
  builder: StunBuilder,
  transactionId: Uint8Array,
  mapped: Address,
  epoch?: Uint8Array,
  { origin, other, totalBytes }: Discovered = {},
): Uint8Array {
  builder.begin(MessageClass.success, Method.binding, transactionId).xorAddress(Attribute.xorMappedAddress, mapped);
  if (epoch) builder.attribute(Attribute.epoch, epoch);
  if (origin) builder.address(Attribute.responseOrigin, origin);
  if (other) builder.address(Attribute.otherAddress, other);
  if (totalBytes !== undefined) builder.pad(totalBytes, fingerprintOnly);
  return finish(builder);
}

export interface Bound {
  readonly mapped: Address;
  readonly epoch?: Uint8Array;
}

export function decodeBound(message: StunMessage): Bound | undefined {
  const mapped = xorAddress(message, Attribute.xorMappedAddress);
  const epoch = message.fixed(Attribute.epoch, 8)?.slice();
  return mapped && (epoch ? { mapped, epoch } : { mapped });
}

// Register

export function encodeRegisterAsk(builder: StunBuilder, transactionId: Uint8Array, hostKey: Uint8Array): Uint8Array {
  builder.begin(MessageClass.request, Method.register, transactionId);
  builder.attribute(Attribute.hostId, hostKey).pad(registerAskBytes, fingerprintOnly);
  return finish(builder);
}

export interface Registration {
  readonly hostKey: Uint8Array;
  readonly instance: Uint8Array;
  readonly sequence: number;
}

export interface RegistrationProof extends Registration {
  readonly username: string;
  readonly nonce: Uint8Array;
  readonly dialled: Address;
}

/** `dh`: X25519 of the host's secret key and the server's public key. `signature`: the ticket's. */
export function encodeRegister(
  builder: StunBuilder,
  transactionId: Uint8Array,
  proof: RegistrationProof,
  dh: Uint8Array,
  signature: Signature,
): Uint8Array {
  builder.begin(MessageClass.request, Method.register, transactionId).text(Attribute.username, proof.username);
  builder.attribute(Attribute.hostId, proof.hostKey).attribute(Attribute.instance, proof.instance);
  builder.u64(Attribute.sequence, proof.sequence).attribute(Attribute.nonce, proof.nonce);
  builder.xorAddress(Attribute.dialledAddress, proof.dialled).mac(Attribute.hostProof, signature.macs, dh);
  return finish(builder, signature);
}

/** The refresh; `signature` is the registration key's. */
export function encodeRefresh(
  builder: StunBuilder,
  transactionId: Uint8Array,
  registration: Registration,
  signature: Signature,
): Uint8Array {
  return finish(beginRefresh(builder, transactionId, registration), signature);
}

/** The refresh's opposite, a refresh for no time: the host leaves. */
export function encodeLeave(
  builder: StunBuilder,
  transactionId: Uint8Array,
  registration: Registration,
  signature: Signature,
): Uint8Array {
  return finish(beginRefresh(builder, transactionId, registration).u32(Attribute.lifetime, 0), signature);
}

function beginRefresh(builder: StunBuilder, transactionId: Uint8Array, registration: Registration): StunBuilder {
  builder.begin(MessageClass.request, Method.register, transactionId);
  builder.attribute(Attribute.hostId, registration.hostKey).attribute(Attribute.instance, registration.instance);
  return builder.u64(Attribute.sequence, registration.sequence);
}

/** Whether a refresh is one that leaves. */
export function isLeaving(message: StunMessage): boolean {
  return u32Of(message, Attribute.lifetime) === 0;
}

/** The SEQUENCE of a refresh, whose host is known by its key; `undefined` when a field is missing or malformed. */
export function refreshSequence(message: StunMessage): number | undefined {
  return message.start(Attribute.instance, 8) < 0 ? undefined : u64Of(message, Attribute.sequence);
}

export function decodeRegistration(message: StunMessage): Registration | undefined {
  const hostKey = message.fixed(Attribute.hostId, 32)?.slice();
  const instance = message.fixed(Attribute.instance, 8)?.slice();
  const sequence = u64Of(message, Attribute.sequence);
  return hostKey && instance && sequence !== undefined ? { hostKey, instance, sequence } : undefined;
}

export interface Registered {
  readonly mapped: Address;
  readonly lifetimeSeconds: number;
  /** ms since 1970, the server's. */
  readonly timeMs: number;
  readonly epoch: Uint8Array;
  /** In the answer to a proof, where the server takes TLS. */
  readonly tls?: TlsEntrance;
}

export function encodeRegistered(
  builder: StunBuilder,
  transactionId: Uint8Array,
  registered: Registered,
  signature: Signature,
): Uint8Array {
  builder.begin(MessageClass.success, Method.register, transactionId);
  builder.xorAddress(Attribute.xorMappedAddress, registered.mapped).u32(Attribute.lifetime, registered.lifetimeSeconds);
  builder.u64(Attribute.time, registered.timeMs).attribute(Attribute.epoch, registered.epoch);
  const { tls } = registered;
  if (tls) builder.attribute(Attribute.tlsEntrance, tlsEntranceValue(tls));
  return finish(builder, signature);
}

export function decodeRegistered(message: StunMessage): Registered | undefined {
  const mapped = xorAddress(message, Attribute.xorMappedAddress);
  const lifetimeSeconds = u32Of(message, Attribute.lifetime);
  const timeMs = u64Of(message, Attribute.time);
  const epoch = message.fixed(Attribute.epoch, 8)?.slice();
  if (!mapped || lifetimeSeconds === undefined || timeMs === undefined || !epoch) return undefined;
  const entrance = message.fixed(Attribute.tlsEntrance, tlsEntranceBytes);
  const tls = entrance && tlsEntranceOf(entrance);
  return { mapped, lifetimeSeconds, timeMs, epoch, ...(tls && { tls }) };
}

/** The server ends a registration, and says why. */
export function encodeRegistrationEnd(
  builder: StunBuilder,
  transactionId: Uint8Array,
  code: ErrorCode,
  reason: string,
  signature: Signature,
): Uint8Array {
  builder.begin(MessageClass.indication, Method.register, transactionId).error(code, reason);
  return finish(builder, signature);
}

// Connect and Introduce

/** What a Connect brings to the host: a Noise first message, or a sealed packet that resumes a session. */
export type Approach =
  | { readonly kind: "first"; readonly message: Uint8Array }
  | { readonly kind: "resume"; readonly packet: Uint8Array };

export interface ConnectRequest {
  readonly username: string;
  readonly timeMs: number;
  /** Absent when only the nonce is returned. */
  readonly approach?: Approach | undefined;
  readonly nonce?: Uint8Array | undefined;
}

export function encodeConnect(
  builder: StunBuilder,
  transactionId: Uint8Array,
  request: ConnectRequest,
  signature: Signature,
): Uint8Array {
  builder.begin(MessageClass.request, Method.connect, transactionId).text(Attribute.username, request.username);
  builder.u64(Attribute.time, request.timeMs);
  addApproach(builder, request.approach);
  if (request.nonce) builder.attribute(Attribute.nonce, request.nonce);
  if (request.approach) builder.pad(connectBytes);
  return finish(builder, signature);
}

/** `approach.message` and `approach.packet` are views. */
export function decodeConnect(message: StunMessage): ConnectRequest | undefined {
  const username = textOf(message, Attribute.username);
  const body = decodeConnectBody(message);
  return username === undefined ? undefined : body && { username, ...body };
}

/** All but the username, which whoever has checked the integrity has read. */
export function decodeConnectBody(message: StunMessage): Omit<ConnectRequest, "username"> | undefined {
  const timeMs = u64Of(message, Attribute.time);
  if (timeMs === undefined) return undefined;
  return { timeMs, approach: approachOf(message), nonce: message.value(Attribute.nonce) };
}

export interface Connected {
  /** The client's own server-seen address. */
  readonly mapped: Address;
  /** The host's server-seen addresses, at most one for each family. */
  readonly hostAddresses: readonly Address[];
  readonly channel: number;
  readonly nonce: Uint8Array;
  readonly epoch: Uint8Array;
  /** Whether the server holds the client's address for proven. */
  readonly proven: boolean;
}

export function encodeConnected(
  builder: StunBuilder,
  transactionId: Uint8Array,
  connected: Connected,
  signature: Signature,
): Uint8Array {
  builder.begin(MessageClass.success, Method.connect, transactionId);
  builder.xorAddress(Attribute.xorMappedAddress, connected.mapped);
  for (const address of connected.hostAddresses) builder.xorAddress(Attribute.xorPeerAddress, address);
  builder
    .channel(connected.channel)
    .attribute(Attribute.nonce, connected.nonce)
    .attribute(Attribute.epoch, connected.epoch);
  if (connected.proven) builder.attribute(Attribute.proven, new Uint8Array(0));
  return finish(builder, signature);
}

export function decodeConnected(message: StunMessage): Connected | undefined {
  const mapped = xorAddress(message, Attribute.xorMappedAddress);
  const hostAddresses = xorAddresses(message, Attribute.xorPeerAddress);
  const channel = channelOf(message);
  const nonce = message.value(Attribute.nonce)?.slice();
  const epoch = message.fixed(Attribute.epoch, 8)?.slice();
  if (!mapped || channel === undefined || !nonce || !epoch) return undefined;
  return { mapped, hostAddresses, channel, nonce, epoch, proven: message.has(Attribute.proven) };
}

export interface Introduction {
  /** The client's server-seen address; absent when it came by a stream, since no UDP goes there. */
  readonly client?: Address | undefined;
  /** The host's channel to this client. */
  readonly channel: number;
  readonly proven: boolean;
  /** Absent when the server only tells that the client's address is proven. */
  readonly approach?: Approach | undefined;
}

export function encodeIntroduction(
  builder: StunBuilder,
  transactionId: Uint8Array,
  introduction: Introduction,
  signature: Signature,
): Uint8Array {
  builder.begin(MessageClass.indication, Method.introduce, transactionId);
  if (introduction.client) builder.xorAddress(Attribute.xorPeerAddress, introduction.client);
  builder.channel(introduction.channel);
  addApproach(builder, introduction.approach);
  if (introduction.proven) builder.attribute(Attribute.proven, new Uint8Array(0));
  return finish(builder, signature);
}

/** `approach.message` and `approach.packet` are views. */
export function decodeIntroduction(message: StunMessage): Introduction | undefined {
  const client = xorAddress(message, Attribute.xorPeerAddress);
  const channel = channelOf(message);
  if (channel === undefined || (!client && message.has(Attribute.xorPeerAddress))) return undefined;
  const approach = approachOf(message);
  return { ...(client && { client }), channel, proven: message.has(Attribute.proven), ...(approach && { approach }) };
}

/** The hint that a channel is not known: 36 bytes, unsigned. */
export function encodeNoChannel(builder: StunBuilder, transactionId: Uint8Array, channel: number): Uint8Array {
  return finish(builder.begin(MessageClass.indication, Method.connect, transactionId).channel(channel));
}

function addApproach(builder: StunBuilder, approach: Approach | undefined): void {
  if (approach?.kind === "first") builder.attribute(Attribute.firstMessage, approach.message);
  if (approach?.kind === "resume") builder.attribute(Attribute.resume, approach.packet);
}

function approachOf(message: StunMessage): Approach | undefined {
  const first = message.value(Attribute.firstMessage);
  if (first) return { kind: "first", message: first };
  const resume = message.value(Attribute.resume);
  return resume && { kind: "resume", packet: resume };
}

// Report

/** `from`: the ticket's username for a client, the host's key for a host. */
export function encodeReport(
  builder: StunBuilder,
  transactionId: Uint8Array,
  from: { readonly username: string } | { readonly hostKey: Uint8Array },
  verdict: Uint8Array,
  signature: Signature,
): Uint8Array {
  builder.begin(MessageClass.indication, Method.report, transactionId);
  if ("username" in from) builder.text(Attribute.username, from.username);
  else builder.attribute(Attribute.hostId, from.hostKey);
  return finish(builder.attribute(Attribute.verdict, verdict), signature);
}

// Refusals

export interface Refusal {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly nonce?: Uint8Array;
  readonly serverKey?: Uint8Array;
  /** ms since 1970, the server's; with 464. */
  readonly timeMs?: number;
}

/** The one place where a refusal becomes an error response; signed once the asker's ticket was found valid. */
export function encodeRefusal(
  builder: StunBuilder,
  method: number,
  transactionId: Uint8Array,
  refusal: Refusal,
  signature?: Signature,
): Uint8Array {
  builder.begin(MessageClass.error, method, transactionId).error(refusal.code, refusal.reason);
  if (refusal.nonce) builder.attribute(Attribute.nonce, refusal.nonce);
  if (refusal.serverKey) builder.attribute(Attribute.serverKey, refusal.serverKey);
  if (refusal.timeMs !== undefined) builder.u64(Attribute.time, refusal.timeMs);
  return finish(builder, signature);
}
