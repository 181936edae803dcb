/** What travels inside messages and between peers: read as it was written, and refused when malformed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { addressFromIpText } from "@fractal-punch/machine";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  ByteReader,
  ByteWriter,
  base64UrlBytes,
  base64UrlText,
  channelDataNumber,
  channelDataPayload,
  crc32,
  decodeFirstPayload,
  decodeFrame,
  decodeSecondPacket,
  decodeSecondPayload,
  decodeVerdict,
  encodeFirstPayload,
  encodeFrame,
  encodeKnock,
  encodePaddedProbe,
  encodeSecondPacket,
  encodeSecondPayload,
  encodeVerdict,
  inviteFromText,
  inviteText,
  knockMatches,
  knockTag,
  largestPayloadBytes,
  probeFrameBytes,
  readCandidates,
  readSealedHeader,
  sealedOverhead,
  writeCandidates,
  writeChannelHeader,
  writeSealedHeader,
} from "@fractal-punch/wire";
import fc from "fast-check";
import {
  bytesOf,
  bytesUpTo,
  candidates,
  channel,
  firstPayload,
  frames,
  invite,
  secondPayload,
  u32,
  u64,
  verdict,
} from "./arbitraries.ts";

for (const [kind, frame] of Object.entries(frames))
  test(`a frame of kind ${kind} is read as it was written`, () => {
    fc.assert(fc.property(frame, (drawn) => assert.deepEqual(decodeFrame(encodeFrame(drawn)), drawn)));
  });

test("frames of kinds that are not known are not read", () => {
  for (let kind = 10; kind < 256; kind++) {
    const bytes = new Uint8Array(64);
    bytes[0] = kind;
    assert.equal(decodeFrame(bytes), undefined);
  }
  assert.equal(decodeFrame(new Uint8Array(0)), undefined);
});

test("a probe that is smaller than its reply is not read", () => {
  const probe = encodeFrame({ kind: "probe", id: 7 });
  for (let length = 0; length < probe.length; length++)
    assert.notEqual(decodeFrame(probe.subarray(0, length))?.kind, "probe", `${length} bytes`);
});

test("a padded probe is a probe, however long", () => {
  for (const lengthBytes of [probeFrameBytes, 1200, largestPayloadBytes - sealedOverhead]) {
    const frame = encodePaddedProbe(7, lengthBytes);
    assert.equal(frame.length, lengthBytes);
    assert.deepEqual(decodeFrame(frame), { kind: "probe", id: 7 });
  }
});

test("a probe reply names no address of an unknown family and none that is IPv4-mapped", () => {
  const bytes = encodeFrame({ kind: "probe-reply", id: 1, seen: { family: 6, ip: "\0".repeat(16), port: 1 } });
  assert.equal(decodeFrame(bytes)?.kind, "probe-reply");
  bytes[1] = 5;
  assert.equal(decodeFrame(bytes), undefined);
  bytes[1] = 6;
  bytes.set([0xff, 0xff, 127, 0, 0, 1], 18);
  assert.equal(decodeFrame(bytes), undefined);
});

test("a close with a reason that is not known still closes", () => {
  assert.deepEqual(decodeFrame(Uint8Array.of(9, 77)), { kind: "close", reason: "done" });
});

test("the payload of the first message is read as it was written", () => {
  fc.assert(
    fc.property(firstPayload, (payload) => assert.deepEqual(decodeFirstPayload(encodeFirstPayload(payload)), payload)),
  );
});

test("a first payload that was read owns its bytes", () => {
  fc.assert(
    fc.property(firstPayload, (payload) => {
      const bytes = encodeFirstPayload(payload);
      const read = decodeFirstPayload(bytes);
      bytes.fill(0xee);
      assert.deepEqual(read, payload);
    }),
    { numRuns: 20 },
  );
});

test("a first payload of another version says so, however long it is", () => {
  for (const version of [0, 2, 255]) {
    assert.equal(decodeFirstPayload(Uint8Array.of(version)), "version");
    assert.equal(decodeFirstPayload(new Uint8Array(300).fill(version)), "version");
  }
  assert.equal(decodeFirstPayload(new Uint8Array(0)), undefined);
});

test("more early data than 600 bytes is refused", () => {
  const [payload] = fc.sample(firstPayload, { numRuns: 1, seed: 1 });
  assert.ok(payload);
  const encoded = (length: number) =>
    decodeFirstPayload(encodeFirstPayload({ ...payload, earlyData: new Uint8Array(length) }));
  assert.notEqual(encoded(600), undefined);
  assert.equal(encoded(601), undefined);
});

test("the payload of the second message is read as it was written", () => {
  fc.assert(
    fc.property(secondPayload, (payload) =>
      assert.deepEqual(decodeSecondPayload(encodeSecondPayload(payload)), payload),
    ),
  );
});

test("a second payload of another version, or with a refusal that is not known, is not read", () => {
  assert.equal(decodeSecondPayload(Uint8Array.of(2, 0, 1)), undefined);
  assert.equal(decodeSecondPayload(Uint8Array.of(1, 0, 6)), undefined);
  assert.deepEqual(decodeSecondPayload(Uint8Array.of(1, 0, 5)), { refusal: "version" });
});

test("the packet of the second message is read as it was written", () => {
  fc.assert(
    fc.property(u32, fc.uint8Array({ minLength: 48, maxLength: 300 }), (clientIndex, message) => {
      assert.deepEqual(decodeSecondPacket(encodeSecondPacket(clientIndex, message)), { clientIndex, message });
    }),
  );
});

test("candidates are read as they were written, and no more than eight are written", () => {
  fc.assert(
    fc.property(candidates, candidates, (drawn, more) => {
      const reader = new ByteReader(candidateBytes([...drawn, ...more]));
      assert.deepEqual(readCandidates(reader), [...drawn, ...more].slice(0, 8));
      assert.deepEqual([reader.failed, reader.remaining], [false, 0]);
    }),
  );
});

test("candidates that are too many, of an unknown kind or family, on port 0 or IPv4-mapped are refused", () => {
  const good = candidateBytes([{ kind: "host", address: { family: 4, ip: 1, port: 1 } }]);
  assert.notEqual(readCandidates(new ByteReader(good)), undefined);
  for (const [at, value] of [
    [0, 9],
    [0, 255],
    [1, 0],
    [1, 6],
    [2, 5],
    [4, 0],
  ] as const) {
    const bad = good.slice();
    bad[at] = value;
    assert.equal(readCandidates(new ByteReader(bad)), undefined, `byte ${at} = ${value}`);
  }
  const mapped = new ByteWriter().u8(1).u8(1).u8(6).u16(9).zeros(10).u16(0xffff).u32(0x7f00_0001).done();
  assert.equal(readCandidates(new ByteReader(mapped)), undefined);
});

test("a verdict is read as it was written", () => {
  fc.assert(fc.property(verdict, (report) => assert.deepEqual(decodeVerdict(encodeVerdict(report)), report)));
});

test("times of a verdict are rounded, and never read as unknown when they are long", () => {
  const [report] = fc.sample(verdict, { numRuns: 1, seed: 1 });
  assert.ok(report);
  const read = decodeVerdict(encodeVerdict({ ...report, directAfterMs: 12.5, rttMs: 1e12 }));
  assert.deepEqual([read?.directAfterMs, read?.rttMs], [13, 0xffff_fffe]);
});

test("a verdict with a word that is not known is not read", () => {
  const [report] = fc.sample(verdict, { numRuns: 1, seed: 1 });
  assert.ok(report);
  for (const [at, value] of [
    [0, 2],
    [1, 2],
    [2, 3],
    [3, 13],
  ] as const) {
    const bytes = encodeVerdict(report);
    bytes[at] = value;
    assert.equal(decodeVerdict(bytes), undefined, `byte ${at}`);
  }
});

test("ChannelData is read as it was written, and bytes behind its length are ignored", () => {
  fc.assert(
    fc.property(channel, bytesUpTo(300), bytesUpTo(3), (number, data, behind) => {
      const bytes = new Uint8Array(4 + data.length + behind.length);
      writeChannelHeader(bytes, number, data.length);
      bytes.set(data, 4);
      bytes.set(behind, 4 + data.length);
      assert.equal(channelDataNumber(bytes), number);
      assert.deepEqual(channelDataPayload(bytes), data);
    }),
  );
});

test("ChannelData on other numbers, or shorter than it says, is not read", () => {
  for (const number of [0x3fff, 0x5000, 0, 0xffff]) {
    const bytes = new Uint8Array(4);
    writeChannelHeader(bytes, number, 0);
    assert.equal(channelDataNumber(bytes), undefined);
  }
  const short = new Uint8Array(11);
  writeChannelHeader(short, 0x4000, 8);
  assert.equal(channelDataNumber(short), undefined);
  for (let length = 0; length < 4; length++) assert.equal(channelDataNumber(short.subarray(0, length)), undefined);
});

test("the header of a sealed packet is read as it was written", () => {
  fc.assert(
    fc.property(u32, u64, (index, counter) => {
      const bytes = new Uint8Array(sealedOverhead);
      writeSealedHeader(bytes, index, counter);
      assert.deepEqual(readSealedHeader(bytes), { index, counter });
      assert.equal(readSealedHeader(bytes.subarray(0, -1)), undefined);
    }),
  );
});

test("the header of a sealed packet with another type, or a counter of 2^53 and more, is not read", () => {
  const bytes = new Uint8Array(64);
  writeSealedHeader(bytes, 1, 2);
  for (const [at, value] of [
    [0, 9],
    [1, 1],
    [2, 1],
    [3, 1],
    [9, 0x20],
    [8, 1],
  ] as const) {
    const other = bytes.slice();
    other[at] = value;
    assert.equal(readSealedHeader(other), undefined, `byte ${at}`);
  }
});

test("a knock is known by its tag and checked under the probe key", () => {
  const role = fc.constantFrom("client" as const, "host" as const);
  fc.assert(
    fc.property(bytesOf(16), role, bytesOf(8), u32, (probeKey, from, tag, sequence) => {
      const knock = encodeKnock(nodePrimitives, probeKey, from, tag, sequence);
      assert.equal(knock.length, 32);
      assert.deepEqual(knockTag(knock, from), tag);
      assert.equal(knockTag(knock, from === "client" ? "host" : "client"), undefined);
      assert.equal(knockTag(knock.subarray(1), from), undefined);
      assert.equal(knockMatches(nodePrimitives, probeKey, knock), true);
    }),
  );
});

test("every flipped bit of a knock is noticed", () => {
  const probeKey = new Uint8Array(16).fill(3);
  const knock = encodeKnock(nodePrimitives, probeKey, "client", new Uint8Array(8).fill(5), 9);
  for (let bit = 0; bit < knock.length * 8; bit++) {
    const altered = knock.slice();
    altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(knockMatches(nodePrimitives, probeKey, altered), false);
  }
});

test("an invite is read as it was written, with spaces and line ends around it", () => {
  const space = fc.stringMatching(/^[ \t\r\n]{0,4}$/);
  fc.assert(
    fc.property(invite, space, space, (drawn, before, behind) => {
      assert.deepEqual(inviteFromText(before + inviteText(drawn) + behind), drawn);
    }),
  );
});

test("an invite is one word that needs no quoting in a URL or a shell", () => {
  fc.assert(fc.property(invite, (drawn) => assert.match(inviteText(drawn), /^fp1-[A-Za-z0-9_-]+$/)));
});

test("an invite that was cut anywhere is damaged, and nothing else", () => {
  const text = inviteText(sampleInvite());
  for (let length = 4; length < text.length; length++) assert.equal(inviteFromText(text.slice(0, length)), "damaged");
});

test("every altered character of an invite is noticed", () => {
  const text = inviteText(sampleInvite());
  for (let at = 0; at < text.length; at++) {
    const other = text.slice(0, at) + (text.charAt(at) === "b" ? "c" : "b") + text.slice(at + 1);
    assert.equal(typeof inviteFromText(other), "string", `character ${at}`);
  }
});

test("text that is no invite and invites of other versions are told apart", () => {
  for (const text of ["", "fp", "fp1", "fp1_x", "FP1-abc", "xfp1-abc", "https://example.org/fp1-abc"])
    assert.equal(inviteFromText(text), "not-an-invite", text);
  for (const text of ["fp0-", "fp2-abc", "fp10-abc"]) assert.equal(inviteFromText(text), "version", text);
  for (const text of ["fp1-", "fp1-*", "fp1-AAAA", "fp1-AAAAAAA"]) assert.equal(inviteFromText(text), "damaged", text);
});

test("an invite with a good check and a bad inside is damaged", () => {
  const whole = base64UrlBytes(inviteText(sampleInvite()).slice(4));
  assert.ok(whole);
  const body = whole.slice(0, -4);
  const nameLength = body[3] ?? 0;
  const withByte = (at: number, value: number) => body.map((byte, index) => (index === at ? value : byte));
  assert.equal(typeof inviteFromText(checked(body)), "object");
  const bad = {
    "no server": withByte(0, 0),
    "five servers": withByte(0, 5),
    "more addresses than eight": withByte(4 + nameLength, 9),
    "an address of family 5": withByte(5 + nameLength, 5),
    "an empty name": Uint8Array.of(1, 0, 1, 0, 0, ...body.slice(5 + nameLength + 17)),
    "a byte too many": Uint8Array.of(...body, 0),
    "a byte too few": body.slice(0, -1),
  };
  for (const [what, bytes] of Object.entries(bad)) assert.equal(inviteFromText(checked(bytes)), "damaged", what);
});

function sampleInvite(): Parameters<typeof inviteText>[0] {
  const known = addressFromIpText("2001:db8::1", 48_800);
  assert.ok(known);
  const [drawn] = fc.sample(invite, { numRuns: 1, seed: 1 });
  assert.ok(drawn);
  return { ...drawn, servers: [{ name: "punch.example.org", port: 48_800, lastKnown: [known] }] };
}

/** As an invite's text, with a check that is right. */
function checked(body: Uint8Array): string {
  return `fp1-${base64UrlText(new ByteWriter().raw(body).u32(crc32(body, body.length)).done())}`;
}

function candidateBytes(list: Parameters<typeof writeCandidates>[1]): Uint8Array {
  const writer = new ByteWriter();
  writeCandidates(writer, list);
  return writer.done();
}
