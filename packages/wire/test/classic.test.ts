import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address4, ipText } from "@fractal-punch/machine";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  channelDataNumber,
  classicFault,
  datagramKind,
  encodeClassicAnswer,
  encodeClassicEndpoint,
  knockTag,
  readClassicRequest,
  readClassicText,
  readSealedHeader,
  StunBuilder,
  StunMessage,
  startsClassicRequest,
  writeChannelHeader,
} from "@fractal-punch/wire";
import fc from "fast-check";
import { bytesOf, bytesUpTo, channel, ip4, u32 } from "./arbitraries.ts";
import { samples } from "./messages.ts";

const vm = 0x22c8_aa2f;

test("a client's text is an IPv4 address and C; the bytes of the answer are address, port and two zeros", () => {
  assert.deepEqual(readClassicText(ascii("34.200.170.47C")), { type: "client", vmIp: vm });
  assert.deepEqual(readClassicText(ascii("255.255.255.255C")), { type: "client", vmIp: 0xffff_ffff });
  const answer = encodeClassicEndpoint({ family: 4, ip: vm, port: 40_000 });
  assert.equal(Buffer.from(answer).toString("hex"), "22c8aa2f9c400000");
});

test("a VM's text is V behind anything made of digits and dots", () => {
  for (const text of ["V", "10.0.0.5V", "255.255.255.255V", "999V", "...V", "123456789012345V"])
    assert.deepEqual(readClassicText(ascii(text)), { type: "vm" }, text);
});

test("a request is 12 bytes: type as an x86 has it, address and ports in network order; an answer is 8", () => {
  assert.deepEqual(readClassicRequest(hex("00000000 22c8aa2f 0000 7e06")), { type: "ask", ip: vm, publicPort: 32_262 });
  assert.deepEqual(readClassicRequest(hex("01000000 0a000005 1234 7e06")), {
    type: "post",
    ip: 0x0a00_0005,
    publicPort: 32_262,
  });
  assert.equal(Buffer.from(encodeClassicAnswer(vm, 51_000, 32_262)).toString("hex"), "22c8aa2fc7387e06");
});

test("what is nearly a classic datagram is none, and says what is wrong with it", () => {
  const faults: Record<string, string | undefined> = {
    "": "empty",
    "00000000 22c8aa2f 0000 7e": "bad-size",
    "00000000 22c8aa2f 0000 7e06 00": "bad-size",
    "01000000": "bad-size",
    "02000000 22c8aa2f 0000 7e06": "bad-type",
    "00000001 22c8aa2f 0000 7e06": "bad-type",
    [Buffer.from("C").toString("hex")]: "no-address",
    [Buffer.from("1.2.3C").toString("hex")]: "bad-address",
    [Buffer.from("256.1.1.1C").toString("hex")]: "bad-address",
    [Buffer.from("010.0.0.1C").toString("hex")]: "bad-address",
    [Buffer.from("1234567890123456V").toString("hex")]: "bad-address",
    [Buffer.from("1C").toString("hex")]: "bad-address",
    [Buffer.from("1:2V").toString("hex")]: undefined,
    [Buffer.from("1/2V").toString("hex")]: undefined,
    [Buffer.from("34.200.170.47c").toString("hex")]: undefined,
    [Buffer.from("34.200.170.47 C").toString("hex")]: undefined,
    "000000": undefined,
  };
  for (const [text, fault] of Object.entries(faults)) {
    const bytes = hex(text);
    assert.deepEqual([readClassicRequest(bytes), readClassicText(bytes)], [undefined, undefined], text);
    assert.equal(classicFault(bytes), fault, text);
  }
});

test("no STUN message is taken for a classic datagram, nor for one with a fault", () => {
  for (const [name, arbitrary] of Object.entries(samples)) {
    fc.assert(
      fc.property(arbitrary, bytesOf(12), bytesOf(32), (sample, transactionId, key) => {
        const bytes = sample.write(new StunBuilder(), transactionId, { macs: nodePrimitives, key });
        assertNotClassic(bytes);
        assert.equal(startsClassicRequest(bytes), false, name);
      }),
      { numRuns: 30 },
    );
  }
});

test("no session packet and no ChannelData is taken for a classic datagram, nor for one with a fault", () => {
  const sessionFirst = fc.integer({ min: 0x08, max: 0x0f });
  fc.assert(
    fc.property(sessionFirst, bytesUpTo(1200), (first, rest) => {
      const bytes = Uint8Array.of(first, ...rest);
      if (readSealedHeader(bytes) === undefined && knockTag(bytes, "client") === undefined) return;
      assertNotClassic(bytes);
    }),
  );
  assertNotClassic(Uint8Array.of(8, 0, 0, 0, ...new Uint8Array(28)));
  fc.assert(
    fc.property(channel, bytesUpTo(40), (number, payload) => {
      const bytes = new Uint8Array(4 + payload.length);
      writeChannelHeader(bytes, number, payload.length);
      bytes.set(payload, 4);
      assert.notEqual(channelDataNumber(bytes), undefined);
      assertNotClassic(bytes);
    }),
    { numRuns: 1000 },
  );
});

test("no classic datagram is taken for STUN, ChannelData or a session packet", () => {
  const text = fc.oneof(
    ip4.map((address) => `${ipText(address)}C`),
    fc.stringMatching(/^[0-9.]{0,15}V$/),
  );
  const request = fc
    .tuple(fc.constantFrom(0, 1), bytesOf(8))
    .map(([type, rest]) => Uint8Array.of(type, 0, 0, 0, ...rest));
  fc.assert(
    fc.property(fc.oneof(text.map(ascii), request), (bytes) => {
      assert.equal((readClassicRequest(bytes) === undefined) !== (readClassicText(bytes) === undefined), true);
      assert.equal(classicFault(bytes) === undefined || readClassicText(bytes) !== undefined, true);
      assert.notEqual(new StunMessage().load(bytes), undefined);
      assert.equal(channelDataNumber(bytes), undefined);
      assert.notEqual(datagramKind(bytes), "session");
      assert.deepEqual(
        [readSealedHeader(bytes), knockTag(bytes, "client"), knockTag(bytes, "host")],
        [undefined, undefined, undefined],
      );
    }),
    { numRuns: 1000 },
  );
});

test("what is written is what old programs read: every address and every port", () => {
  const port = fc.integer({ min: 0, max: 0xffff });
  fc.assert(
    fc.property(u32, port, port, (ip, first, second) => {
      const address: Address4 = { family: 4, ip, port: first };
      const endpoint = Buffer.from(encodeClassicEndpoint(address));
      assert.deepEqual([endpoint.readUInt32BE(0), endpoint.readUInt16BE(4), endpoint.readUInt16BE(6)], [ip, first, 0]);
      const answer = Buffer.from(encodeClassicAnswer(ip, first, second));
      assert.deepEqual([answer.readUInt32BE(0), answer.readUInt16BE(4), answer.readUInt16BE(6)], [ip, first, second]);
      const request = readClassicRequest(Uint8Array.of(0, 0, 0, 0, ...answer));
      assert.deepEqual(request, { type: "ask", ip, publicPort: second });
      assert.deepEqual(readClassicText(ascii(`${ipText(address)}C`)), { type: "client", vmIp: ip });
    }),
  );
});

function assertNotClassic(bytes: Uint8Array): void {
  assert.deepEqual(
    [readClassicRequest(bytes), readClassicText(bytes), classicFault(bytes)],
    [undefined, undefined, undefined],
  );
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
}
