import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Cutter, isPing, Joiner, maxTunnelledBytes } from "../dist/pieces.js";

const limit = 1195;
const flows = fc.integer({ min: 0, max: 0xffff });
const lengths = fc.integer({ min: 0, max: maxTunnelledBytes(limit) });
const datagrams = fc.record({ flow: flows, length: lengths, first: fc.nat(255) });

test("joining what was cut gives the datagram again, in whatever order its pieces come", () => {
  fc.assert(
    fc.property(fc.array(datagrams, { minLength: 1, maxLength: 8 }), fc.infiniteStream(fc.nat()), (sent, draws) => {
      const cutter = new Cutter();
      const whole = sent.map(({ flow, length, first }) => ({ flow, data: filled(length, first) }));
      const pieces = whole.flatMap(({ flow, data }) => piecesOf(cutter, flow, data));
      const joined = joinAll(shuffled(pieces, draws));
      assert.deepEqual(texts(joined).toSorted(), texts(whole).toSorted());
    }),
  );
});

test("pieces that are lost or come twice never make a datagram that was not sent", () => {
  fc.assert(
    fc.property(
      fc.array(datagrams, { minLength: 1, maxLength: 8 }),
      fc.infiniteStream(fc.integer({ min: 0, max: 2 })),
      fc.infiniteStream(fc.nat()),
      (sent, copies, draws) => {
        const cutter = new Cutter();
        const whole = sent.map(({ flow, length, first }) => ({ flow, data: filled(length, first) }));
        const pieces = whole.flatMap(({ flow, data }) => piecesOf(cutter, flow, data));
        const received = pieces.flatMap((piece) => Array<Uint8Array>(copies.next().value).fill(piece));
        const known = new Set(texts(whole));
        for (const text of texts(joinAll(shuffled(received, draws)))) assert.ok(known.has(text));
      },
    ),
  );
});

test("a small datagram costs three bytes, a cut one five in each of pieces of equal size", () => {
  const cutter = new Cutter();
  assert.deepEqual(sizes(cutter, 100), [103]);
  assert.deepEqual(sizes(cutter, limit - 3), [limit]);
  assert.deepEqual(sizes(cutter, limit - 2), [602, 601]);
  assert.deepEqual(sizes(cutter, 1392), [701, 701]);
  assert.deepEqual(sizes(cutter, 4 * (limit - 5)), [limit, limit, limit, limit]);
});

test("how much is cut follows what the session takes at that moment", () => {
  const cutter = new Cutter();
  const counts = [1195, 1439, 1195].map((limitBytes) => piecesOf(cutter, 0, filled(1200, 0), limitBytes).length);
  assert.deepEqual(counts, [2, 1, 2]);
});

test("a datagram above four pieces is not cut", () => {
  const cutter = new Cutter();
  assert.equal(maxTunnelledBytes(limit), 4760);
  assert.equal(
    cutter.cut(1, new Uint8Array(4761), limit, () => assert.fail("cut")),
    false,
  );
});

test("the bytes on the wire are those that docs/protocol.md draws", () => {
  const cutter = new Cutter();
  assert.deepEqual(piecesOf(cutter, 0x0102, Uint8Array.of(9), 8), [Uint8Array.of(0, 1, 2, 9)]);
  assert.deepEqual(piecesOf(cutter, 0x0102, Uint8Array.of(1, 2, 3, 4, 5, 6), 8), [
    Uint8Array.of(4, 1, 2, 0, 0, 1, 2, 3),
    Uint8Array.of(5, 1, 2, 0, 0, 4, 5, 6),
  ]);
  assert.deepEqual(piecesOf(cutter, 0xffff, new Uint8Array(12), 8)[3], Uint8Array.of(15, 0xff, 0xff, 0, 1, 0, 0, 0));
});

test("no bytes throw, and few are held whatever comes", () => {
  const joiner = new Joiner();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), fc.nat(15), fc.nat(100_000), (bytes, form, nowMs) => {
      if (bytes.length > 0) bytes[0] = form;
      joiner.join(bytes, nowMs);
      assert.ok(joiner.incomplete <= 64);
    }),
    { numRuns: 2000 },
  );
});

test("first pieces of many datagrams push out the oldest only", () => {
  const joiner = new Joiner();
  const cutter = new Cutter();
  const pairs = Array.from({ length: 65 }, (_, index) => piecesOf(cutter, index, filled(6, index), 8));
  for (const [first] of pairs) joiner.join(first ?? new Uint8Array(0), 0);
  assert.equal(joiner.incomplete, 64);
  const [oldest, ...others] = pairs.map(([, second]) => second ?? new Uint8Array(0));
  assert.deepEqual(
    others.map((second) => joiner.join(second, 0)?.flow),
    Array.from({ length: 64 }, (_, index) => index + 1),
  );
  assert.ok(oldest);
  assert.equal(joiner.join(oldest, 0), undefined);
});

test("a piece that comes a second after the first of its datagram does not complete it", () => {
  const joiner = new Joiner();
  const [first, second] = piecesOf(new Cutter(), 1, filled(6, 0), 8);
  assert.ok(first && second);
  assert.equal(joiner.join(first, 0), undefined);
  assert.equal(joiner.join(second, 1000), undefined);
  assert.deepEqual(joiner.join(first, 1001)?.data, filled(6, 0));
});

test("pieces of two datagrams with the same number but different counts do not mix", () => {
  const joiner = new Joiner();
  assert.equal(joiner.join(Uint8Array.of(4, 0, 1, 0, 0, 1), 0), undefined);
  assert.equal(joiner.join(Uint8Array.of(9, 0, 1, 0, 0, 2), 1), undefined);
  assert.equal(joiner.join(Uint8Array.of(8, 0, 1, 0, 0, 3), 2), undefined);
  assert.deepEqual(joiner.join(Uint8Array.of(10, 0, 1, 0, 0, 4), 3), { flow: 1, data: Uint8Array.of(3, 2, 4) });
});

test("a piece that is there already belongs to a later datagram of that number, whose pieces do not mix with it", () => {
  const joiner = new Joiner();
  const first = (...data: number[]): Uint8Array => Uint8Array.of(4, 0, 1, 0, 0, ...data);
  const second = Uint8Array.of(5, 0, 1, 0, 0, 9);
  assert.equal(joiner.join(first(1), 0), undefined);
  assert.equal(joiner.join(first(2), 1), undefined);
  assert.deepEqual(joiner.join(second, 2)?.data, Uint8Array.of(2, 9));
  assert.equal(joiner.join(first(1), 3), undefined);
  assert.equal(joiner.join(first(2, 3), 4), undefined);
  assert.deepEqual(joiner.join(second, 5)?.data, Uint8Array.of(2, 3, 9));
});

test("a ping is no tunnelled datagram", () => {
  const ping = Uint8Array.of(0x10, 0, 0, 0, 0, 0, 0, 1);
  assert.ok(isPing(ping));
  assert.equal(new Joiner().join(ping, 0), undefined);
  assert.ok(!isPing(Uint8Array.of(0x0f, 0, 0)));
});

function filled(length: number, first: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => first + index * 7);
}

/** Copies, since what a cutter gives is valid for the call only; so is what a joiner gives. */
function piecesOf(cutter: Cutter, flow: number, data: Uint8Array, limitBytes = limit): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  assert.ok(
    cutter.cut(flow, data, limitBytes, (piece) => void pieces.push(piece.slice())),
    "too large",
  );
  return pieces;
}

function sizes(cutter: Cutter, length: number): number[] {
  return piecesOf(cutter, 0, filled(length, 0)).map((piece) => piece.length);
}

function joinAll(pieces: readonly Uint8Array[]): { flow: number; data: Uint8Array }[] {
  const joiner = new Joiner();
  return pieces.flatMap((piece) => {
    const datagram = joiner.join(piece, 0);
    return datagram === undefined ? [] : [{ flow: datagram.flow, data: datagram.data.slice() }];
  });
}

function texts(whole: readonly { flow: number; data: Uint8Array }[]): string[] {
  return whole.map(({ flow, data }) => `${flow} ${Buffer.from(data).toString("hex")}`);
}

function shuffled(pieces: readonly Uint8Array[], draws: IterableIterator<number>): Uint8Array[] {
  const left = [...pieces];
  return pieces.flatMap(() => left.splice(draws.next().value % left.length, 1));
}
