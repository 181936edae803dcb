/**
 * Noise_IK_25519_ChaChaPoly_BLAKE2b (Noise revision 34) as pure functions: state in, new state out. A forged message
 * leaves the state as it was, so the true one can still come. Every key seals once, with nonce 0.
 *
 *   <- s
 *   -> e, es, s, ss, payload      writeFirst, readFirst
 *   <- e, ee, se, payload         writeSecond, readSecond
 */
import type { PeerPrimitives } from "@fractal-punch/machine";
import { asciiBytes, concatBytes } from "@fractal-punch/wire";

const protocolName: Uint8Array = asciiBytes("Noise_IK_25519_ChaChaPoly_BLAKE2b");
const hashBytes = 64;
const blockBytes = 128;
const keyBytes = 32;
const none = new Uint8Array(0);

export interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

/** The keys of one direction each. */
export interface TransportKeys {
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
}

/** Noise's symmetric state: chaining key, transcript hash, and the key of the next seal. */
interface Symmetric {
  readonly chain: Uint8Array;
  readonly hash: Uint8Array;
  readonly key: Uint8Array;
}

export interface InitiatorState {
  readonly symmetric: Symmetric;
  readonly ephemeral: KeyPair;
  readonly own: KeyPair;
}

export interface ResponderState {
  readonly symmetric: Symmetric;
  readonly initiatorEphemeral: Uint8Array;
  readonly initiatorStatic: Uint8Array;
}

/** `undefined` when a public key is one of those that make the shared secret zero. */
export function writeFirst(
  primitives: PeerPrimitives,
  prologue: Uint8Array,
  own: KeyPair,
  responderKey: Uint8Array,
  ephemeral: KeyPair,
  payload: Uint8Array,
): { state: InitiatorState; message: Uint8Array } | undefined {
  const es = primitives.dh(ephemeral.secretKey, responderKey);
  const ss = primitives.dh(own.secretKey, responderKey);
  if (!es || !ss) return undefined;
  let symmetric = mixHash(primitives, begin(primitives, prologue, responderKey), ephemeral.publicKey);
  symmetric = mixKey(primitives, symmetric, es);
  const sealedStatic = seal(primitives, symmetric, own.publicKey);
  symmetric = mixKey(primitives, mixHash(primitives, symmetric, sealedStatic), ss);
  const sealedPayload = seal(primitives, symmetric, payload);
  symmetric = mixHash(primitives, symmetric, sealedPayload);
  const message = concatBytes(ephemeral.publicKey, sealedStatic, sealedPayload);
  return { state: { symmetric, ephemeral, own }, message };
}

/** `undefined` for a message that is not meant for `own`, or was altered. */
export function readFirst(
  primitives: PeerPrimitives,
  prologue: Uint8Array,
  own: KeyPair,
  message: Uint8Array,
): { state: ResponderState; payload: Uint8Array } | undefined {
  if (message.length < keyBytes + keyBytes + 16 + 16) return undefined;
  const initiatorEphemeral = message.slice(0, keyBytes);
  const sealedStatic = message.subarray(keyBytes, 2 * keyBytes + 16);
  const sealedPayload = message.subarray(2 * keyBytes + 16);
  const es = primitives.dh(own.secretKey, initiatorEphemeral);
  if (!es) return undefined;
  let symmetric = mixHash(primitives, begin(primitives, prologue, own.publicKey), initiatorEphemeral);
  symmetric = mixKey(primitives, symmetric, es);
  const initiatorStatic = open(primitives, symmetric, sealedStatic);
  const ss = initiatorStatic && primitives.dh(own.secretKey, initiatorStatic);
  if (!initiatorStatic || !ss) return undefined;
  symmetric = mixKey(primitives, mixHash(primitives, symmetric, sealedStatic), ss);
  const payload = open(primitives, symmetric, sealedPayload);
  if (!payload) return undefined;
  symmetric = mixHash(primitives, symmetric, sealedPayload);
  return { state: { symmetric, initiatorEphemeral, initiatorStatic }, payload };
}

export function writeSecond(
  primitives: PeerPrimitives,
  state: ResponderState,
  ephemeral: KeyPair,
  payload: Uint8Array,
): { message: Uint8Array; keys: TransportKeys } | undefined {
  const ee = primitives.dh(ephemeral.secretKey, state.initiatorEphemeral);
  const se = primitives.dh(ephemeral.secretKey, state.initiatorStatic);
  if (!ee || !se) return undefined;
  let symmetric = mixHash(primitives, state.symmetric, ephemeral.publicKey);
  symmetric = mixKey(primitives, mixKey(primitives, symmetric, ee), se);
  const sealedPayload = seal(primitives, symmetric, payload);
  const [initiatorSends, responderSends] = split(primitives, symmetric);
  return {
    message: concatBytes(ephemeral.publicKey, sealedPayload),
    keys: { send: responderSends, receive: initiatorSends },
  };
}

/** `undefined` for a message that was forged or altered; the state serves again for the true one. */
export function readSecond(
  primitives: PeerPrimitives,
  state: InitiatorState,
  message: Uint8Array,
): { payload: Uint8Array; keys: TransportKeys } | undefined {
  if (message.length < keyBytes + 16) return undefined;
  const responderEphemeral = message.slice(0, keyBytes);
  const ee = primitives.dh(state.ephemeral.secretKey, responderEphemeral);
  const se = primitives.dh(state.own.secretKey, responderEphemeral);
  if (!ee || !se) return undefined;
  let symmetric = mixHash(primitives, state.symmetric, responderEphemeral);
  symmetric = mixKey(primitives, mixKey(primitives, symmetric, ee), se);
  const payload = open(primitives, symmetric, message.subarray(keyBytes));
  if (!payload) return undefined;
  const [initiatorSends, responderSends] = split(primitives, symmetric);
  return { payload, keys: { send: initiatorSends, receive: responderSends } };
}

function begin(primitives: PeerPrimitives, prologue: Uint8Array, responderKey: Uint8Array): Symmetric {
  const hash = new Uint8Array(hashBytes);
  hash.set(protocolName);
  const start: Symmetric = { chain: hash, hash, key: none };
  return mixHash(primitives, mixHash(primitives, start, prologue), responderKey);
}

function mixHash(primitives: PeerPrimitives, symmetric: Symmetric, data: Uint8Array): Symmetric {
  return { ...symmetric, hash: primitives.hash(concatBytes(symmetric.hash, data)) };
}

function mixKey(primitives: PeerPrimitives, symmetric: Symmetric, secret: Uint8Array): Symmetric {
  const [chain, key] = expand(primitives, symmetric.chain, secret);
  return { ...symmetric, chain, key: key.subarray(0, keyBytes) };
}

function seal(primitives: PeerPrimitives, symmetric: Symmetric, plain: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(plain.length + 16);
  primitives.seal(symmetric.key, 0, symmetric.hash, plain, sealed);
  return sealed;
}

function open(primitives: PeerPrimitives, symmetric: Symmetric, sealed: Uint8Array): Uint8Array | undefined {
  const plain = new Uint8Array(sealed.length - 16);
  return primitives.open(symmetric.key, 0, symmetric.hash, sealed, plain) ? plain : undefined;
}

function split(primitives: PeerPrimitives, symmetric: Symmetric): [Uint8Array, Uint8Array] {
  const [first, second] = expand(primitives, symmetric.chain, none);
  return [first.slice(0, keyBytes), second.slice(0, keyBytes)];
}

/** Noise's HKDF with two outputs. */
function expand(primitives: PeerPrimitives, chain: Uint8Array, secret: Uint8Array): [Uint8Array, Uint8Array] {
  const temporary = hmac(primitives, chain, secret);
  const first = hmac(primitives, temporary, Uint8Array.of(1));
  return [first, hmac(primitives, temporary, concatBytes(first, Uint8Array.of(2)))];
}

/** HMAC (RFC 2104) over BLAKE2b; keys here never exceed its block of 128 bytes. */
function hmac(primitives: PeerPrimitives, key: Uint8Array, data: Uint8Array): Uint8Array {
  const inner = padded(key, 0x36, data.length);
  inner.set(data, blockBytes);
  const outer = padded(key, 0x5c, hashBytes);
  outer.set(primitives.hash(inner), blockBytes);
  return primitives.hash(outer);
}

/** A block of the key, with room for as many bytes behind it. */
function padded(key: Uint8Array, pad: number, roomBytes: number): Uint8Array {
  const bytes = new Uint8Array(blockBytes + roomBytes);
  bytes.fill(pad, key.length, blockBytes);
  for (let i = 0; i < key.length; i++) bytes[i] = (key[i] ?? 0) ^ pad;
  return bytes;
}
