/** The sizes that docs/protocol.md promises, at the largest that each message can be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, addressFromIpText } from "@fractal-punch/machine";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  asciiBytes,
  type Candidate,
  channelHeaderBytes,
  clientUsername,
  ErrorCode,
  encodeConnect,
  encodeConnected,
  encodeFirstPayload,
  encodeFrame,
  encodeIntroduction,
  encodeNoChannel,
  encodeRefresh,
  encodeRefusal,
  encodeRegister,
  encodeRegisterAsk,
  encodeRegistered,
  encodeReport,
  encodeSecondPacket,
  encodeSecondPayload,
  encodeVerdict,
  firstMessageOverhead,
  hostIdText,
  hostUsername,
  knockBytes,
  Method,
  maxCandidates,
  maxDatagramBytes,
  maxEarlyDataBytes,
  maxPayloadBytes,
  maxUsernameBytes,
  probeFrameBytes,
  type Signature,
  StunBuilder,
  StunMessage,
  sealedOverhead,
  secondMessageOverhead,
  unknownProfile,
} from "@fractal-punch/wire";

const transactionId = new Uint8Array(12);
const hostKey = new Uint8Array(32);
const nonce = asciiBytes("A".repeat(27));
const ip4 = address("192.0.2.1");
const ip6 = address("2001:db8::1");
const candidates: Candidate[] = Array.from({ length: maxCandidates }, () => ({ kind: "host", address: ip6 }));
const signature: Signature = { macs: nodePrimitives, key: asciiBytes("k".repeat(43)) };
const longestName = hostUsername(999_999_999_999, "n".repeat(32));
const longestUsername = clientUsername(999_999_999_999, hostIdText(hostKey), longestName);
const largestFirstMessage = new Uint8Array(firstMessageOverhead + largestFirstPayload().length);
const resumePacket = new Uint8Array(sealedOverhead + encodeFrame({ kind: "resume", timeMs: 1 }).length);

test("the longest username is 123 bytes", () => {
  assert.equal(longestUsername.length, 123);
  assert.ok(longestUsername.length <= maxUsernameBytes);
});

test("the largest first message is 917 bytes", () => {
  assert.equal(largestFirstPayload().length, 821);
  assert.equal(largestFirstMessage.length, 917);
});

test("a Connect is 1,200 bytes, with the least and with the most inside", () => {
  for (const username of [clientUsername(1, hostIdText(hostKey)), longestUsername])
    for (const message of [new Uint8Array(firstMessageOverhead + 57), largestFirstMessage])
      for (const extra of [{}, { nonce }]) {
        const request = { username, timeMs: 1, approach: { kind: "first", message } as const, ...extra };
        assert.equal(encodeConnect(new StunBuilder(), transactionId, request, signature).length, 1200);
      }
});

test("a Connect that resumes is 1,200 bytes, and one that proves an address at most 236", () => {
  const resume = { username: longestUsername, timeMs: 1, approach: { kind: "resume", packet: resumePacket } as const };
  assert.equal(encodeConnect(new StunBuilder(), transactionId, resume, signature).length, 1200);
  const proof = { username: longestUsername, timeMs: 1, nonce };
  assert.equal(encodeConnect(new StunBuilder(), transactionId, proof, signature).length, 236);
});

test("a Connect's answer with two host addresses is at most 180 bytes", () => {
  const answer = (mapped: Address, proven: boolean) => {
    const connected = { mapped, hostAddresses: [ip4, ip6], channel: 0x4000, nonce, epoch: new Uint8Array(8), proven };
    return encodeConnected(new StunBuilder(), transactionId, connected, signature).length;
  };
  assert.deepEqual([answer(ip4, false), answer(ip6, false), answer(ip6, true)], [164, 176, 180]);
});

test("the largest Introduce fits a datagram", () => {
  const introduction = {
    client: ip6,
    channel: 0x4fff,
    proven: true,
    approach: { kind: "first", message: largestFirstMessage } as const,
  };
  assert.equal(encodeIntroduction(new StunBuilder(), transactionId, introduction, signature).length, 1024);
});

test("a first Register is 200 bytes, and a refusal with nonce, key and a reason is no longer", () => {
  assert.equal(encodeRegisterAsk(new StunBuilder(), transactionId, hostKey).length, 200);
  const refusal = { code: ErrorCode.unauthenticated, reason: "r".repeat(96), nonce, serverKey: hostKey };
  assert.equal(encodeRefusal(new StunBuilder(), Method.register, transactionId, refusal).length, 200);
});

test("a refresh has room for its answers, a refusal of 20 letters among them", () => {
  const registration = { hostKey, instance: new Uint8Array(8), sequence: 1 };
  assert.equal(encodeRefresh(new StunBuilder(), transactionId, registration, signature).length, 124);
  const refusal = { code: ErrorCode.unauthenticated, reason: "r".repeat(20), nonce, serverKey: hostKey };
  assert.equal(encodeRefusal(new StunBuilder(), Method.register, transactionId, refusal).length, 124);
  const registered = { mapped: ip6, lifetimeSeconds: 150, timeMs: 1, epoch: new Uint8Array(8) };
  assert.equal(encodeRegistered(new StunBuilder(), transactionId, registered, signature).length, 120);
});

test("a Connect that proves an address is never smaller than its answer", () => {
  const username = clientUsername(1_000_000_000, hostIdText(hostKey));
  const proof = encodeConnect(new StunBuilder(), transactionId, { username, timeMs: 1, nonce }, signature);
  assert.equal(proof.length, 184);
});

test("a Register with proof is at most 272 bytes", () => {
  const proof = { username: longestName, hostKey, instance: new Uint8Array(8), sequence: 1, nonce, dialled: ip6 };
  assert.equal(encodeRegister(new StunBuilder(), transactionId, proof, hostKey, signature).length, 272);
});

test("the hint that a channel is not known is 36 bytes", () => {
  assert.equal(encodeNoChannel(new StunBuilder(), transactionId, 0x4000).length, 36);
});

test("a sealed probe and its reply are 56 bytes each", () => {
  for (const seen of [ip4, ip6]) {
    const frames = [encodeFrame({ kind: "probe", id: 1 }), encodeFrame({ kind: "probe-reply", id: 1, seen })];
    assert.deepEqual(
      frames.map((frame) => frame.length),
      [probeFrameBytes, probeFrameBytes],
    );
  }
  assert.equal(sealedOverhead + probeFrameBytes, 56);
});

test("a knock is 32 bytes, and the second packet at most 226", () => {
  assert.equal(knockBytes, 32);
  const payload = encodeSecondPayload({ earlyDataTaken: true, profile: unknownProfile, index: 1, candidates });
  assert.equal(encodeSecondPacket(1, new Uint8Array(secondMessageOverhead + payload.length)).length, 226);
});

test("a refusal by the host is a packet of 59 bytes", () => {
  const payload = encodeSecondPayload({ refusal: "host-full" });
  assert.equal(encodeSecondPacket(1, new Uint8Array(secondMessageOverhead + payload.length)).length, 59);
});

test("the largest datagram of an application fits a relayed packet exactly", () => {
  assert.equal(maxDatagramBytes, 1195);
  const frame = encodeFrame({ kind: "data", data: new Uint8Array(maxDatagramBytes) });
  assert.equal(channelHeaderBytes + sealedOverhead + frame.length, maxPayloadBytes);
});

test("a Report is far below 1,000 bytes", () => {
  const verdict = encodeVerdict({
    role: "client",
    path: "direct",
    reason: "direct",
    ownProfile: unknownProfile,
    otherProfile: unknownProfile,
  });
  assert.equal(verdict.length, 16);
  assert.equal(
    encodeReport(new StunBuilder(), transactionId, { username: longestUsername }, verdict, signature).length,
    212,
  );
});

test("a message that is padded carries zeros, in one PADDING attribute", () => {
  const message = new StunMessage();
  message.load(encodeRegisterAsk(new StunBuilder(), transactionId, hostKey));
  assert.deepEqual(message.values(Attribute.padding), [new Uint8Array(200 - 20 - 36 - 8 - 4)]);
});

function largestFirstPayload(): Uint8Array {
  return encodeFirstPayload({
    profile: unknownProfile,
    index: 1,
    timeMs: 1,
    probeKey: new Uint8Array(16),
    inviteId: new Uint8Array(8),
    inviteProof: new Uint8Array(16),
    continues: 1,
    candidates,
    earlyData: new Uint8Array(maxEarlyDataBytes),
  });
}

function address(ip: string): Address {
  const found = addressFromIpText(ip, 48_800);
  assert.ok(found);
  return found;
}
