import assert from "node:assert/strict";
import { test } from "node:test";
import { type Machine, sameAddress } from "@fractal-punch/machine";
import { Host, type PeerEvent } from "@fractal-punch/peer/core";
import {
  Attribute,
  asciiBytes,
  ErrorCode,
  encodeRefusal,
  errorCodeOf,
  fingerprintOf,
  MessageClass,
  Method,
  StunBuilder,
  StunMessage,
  writeU32,
} from "@fractal-punch/wire";
import { type Datagram, type Node, SmallNet } from "./small-net.ts";
import { can, primitives, seededRandom } from "./test-context.ts";
import { all, invite, keyPair, only, serverAddress, Trio } from "./trio.ts";

test("a host says once that the server is silent, and asks on every few seconds", () => {
  const trio = new Trio();
  trio.host.command({ type: "start" });
  const start = trio.net.now;
  trio.net.run(10_000);
  assert.deepEqual(
    registers(trio.net).map(({ sentAtMs }) => sentAtMs - start),
    [0, 500, 1500, 5500, 6000, 7000],
  );
  only(trio.host, "unreachable");
  trio.net.run(60_000);
  only(trio.host, "unreachable");
});

test("it registers when the server comes, and says so again when the server is silent again", () => {
  const trio = new Trio();
  trio.host.command({ type: "start" });
  trio.net.run(10_000);
  trio.server.command({ type: "start" });
  trio.net.runUntil(() => all(trio.host, "registered").length === 1);
  trio.net.loses = () => true;
  trio.net.run(120_000);
  assert.equal(all(trio.host, "unreachable").length, 2);
});

test("the first Register is padded to 200 bytes, the second proves the key, and the host is then reachable", () => {
  const trio = new Trio().begin();
  const [first, second, ...more] = registers(trio.net).map(({ bytes }) => bytes);
  assert(first && second);
  assert.equal(more.length, 0);
  assert.equal(first.length, 200);
  assert.equal(load(first).has(Attribute.hostProof), false);
  assert.equal(load(second).has(Attribute.hostProof), true);
  assert.deepEqual(only(trio.host, "registered").mapped, trio.host.address);
});

for (const [lifeMs, gapMs] of [
  [600_000, 60_000],
  [150_000, 50_000],
] as const) {
  test(`a registration of ${lifeMs / 1000} s is refreshed every ${gapMs / 1000} s, without a nonce and without a word`, () => {
    const trio = new Trio({ limits: { registrationLifeMs: lifeMs } }).begin();
    const start = trio.net.now;
    trio.net.run(250_000);
    const refreshes = registers(trio.net).filter(({ sentAtMs }) => sentAtMs > start);
    assert.deepEqual(
      refreshes.map(({ sentAtMs }) => sentAtMs - start),
      // Each is counted from the answer to the one before, a round trip later.
      [0, 1, 2, 3, 4].map((index) => gapMs + index * (gapMs + 20)).filter((atMs) => atMs <= 250_000),
    );
    const sequences = refreshes.map(({ bytes }) => Number(`0x${hex(load(bytes).value(Attribute.sequence))}`));
    assert.deepEqual(
      sequences,
      sequences.map((_, index) => (sequences[0] ?? 0) + index),
    );
    for (const { bytes } of refreshes) assert.equal(load(bytes).has(Attribute.nonce), false);
    only(trio.host, "registered");
  });
}

test("between refreshes a Binding request every 20 s keeps the NAT's mapping", () => {
  const trio = new Trio().begin();
  trio.net.run(1000);
  const start = trio.net.now;
  trio.net.run(120_000);
  const asked = trio.net.log.filter(
    ({ sentAtMs, bytes, to }) => sentAtMs > start && sameAddress(to, serverAddress) && isBinding(bytes),
  );
  const gaps = asked.slice(1).map(({ sentAtMs }, index) => sentAtMs - (asked[index]?.sentAtMs ?? 0));
  assert(asked.length >= 4);
  for (const gap of gaps) assert(gap <= 40_100, `a gap of ${gap} ms, although a refresh may stand in for one`);
});

test("a server that goes on asking for a proof gets three, and is then left alone for two seconds", () => {
  const net = new SmallNet();
  const server = new Refuser(() => ErrorCode.unauthenticated);
  const host = hostAt(net, server);
  net.run(1900);
  assert.equal(server.asked, 4);
  net.run(20_000);
  assert(server.asked <= 4 * 12, `${server.asked} Registers in 22 s`);
  assert.equal(all(host, "registered").length, 0);
});

test("a server that is full is asked again every two seconds", () => {
  const net = new SmallNet();
  const server = new Refuser(() => ErrorCode.serverFull);
  const host = hostAt(net, server);
  net.run(10_000);
  assert.deepEqual(
    registers(net).map(({ sentAtMs }) => sentAtMs - 1000),
    [0, 2020, 4040, 6060, 8080],
  );
  assert.equal(all(host, "ended").length, 0);
});

for (const code of [
  ErrorCode.ticketWrong,
  ErrorCode.ticketExpired,
  ErrorCode.ticketRevoked,
  ErrorCode.ticketScope,
  ErrorCode.replaced,
]) {
  test(`error ${code} ends the host for good`, () => {
    const net = new SmallNet();
    const server = new Refuser((asked) => (asked === 1 ? ErrorCode.unauthenticated : code));
    const host = hostAt(net, server);
    net.run(60_000);
    assert.equal(only(host, "ended").code, code);
    assert.equal(server.asked, 2);
    assert.equal(host.nextWake(), Infinity);
    assert.equal(host.openPorts, 0);
  });
}

test("a server's public key that makes the shared secret zero gets no proof", () => {
  const net = new SmallNet();
  const server = new Refuser(() => ErrorCode.unauthenticated, new Uint8Array(32));
  hostAt(net, server);
  net.run(10_000);
  for (const { bytes } of registers(net)) assert.equal(load(bytes).has(Attribute.hostProof), false);
});

test("a success that is not signed with the registration key registers nothing", () => {
  const trio = new Trio();
  trio.server.command({ type: "start" });
  trio.net.loses = ({ bytes }) => isSuccess(bytes);
  trio.host.command({ type: "start" });
  trio.net.run(50);
  const success = trio.net.log.find(({ bytes }) => isSuccess(bytes));
  assert(success);
  const last = success.bytes.length - 9;
  const altered = success.bytes.with(last, (success.bytes[last] ?? 0) ^ 1);
  writeU32(altered, altered.length - 4, fingerprintOf(altered, altered.length - 8));
  trio.host.receive({ ...success, bytes: altered });
  assert.equal(all(trio.host, "registered").length, 0);
});

test("a keepalive that is answered with an error is not the last one", () => {
  const trio = new Trio().begin();
  const client = trio.connected();
  trio.net.run(1000);
  // From now on the server refuses Bindings, in the client's eyes.
  const builder = new StunBuilder();
  let refused = 0;
  trio.net.loses = ({ from, to, bytes }) => {
    if (!sameAddress(from, client.address) || !sameAddress(to, serverAddress) || !isBinding(bytes)) return false;
    refused++;
    const refusal = { code: ErrorCode.badRequest, reason: "" };
    const answer = encodeRefusal(builder, Method.binding, load(bytes).transactionId, refusal);
    trio.net.send({ sentAtMs: trio.net.now, from: serverAddress, to: from, bytes: answer.slice() });
    return true;
  };
  trio.net.run(100_000);
  assert(refused >= 4, `${refused} keepalives in 100 s`);
});

/** A server that has one answer for every Register. */
class Refuser implements Machine<{ type: "start" }, never> {
  asked = 0;
  readonly #code: (asked: number) => ErrorCode;
  readonly #serverKey: Uint8Array;
  readonly #builder = new StunBuilder();

  constructor(code: (asked: number) => ErrorCode, serverKey: Uint8Array = keyPair(8).publicKey) {
    this.#code = code;
    this.#serverKey = serverKey;
  }

  receive(...[, port, from, bytes, , out]: Parameters<Machine<never, never>["receive"]>): void {
    const { method, transactionId } = load(bytes);
    if (method !== Method.register) return;
    const code = this.#code(++this.asked);
    const asks =
      code === ErrorCode.unauthenticated ? { nonce: asciiBytes("n".repeat(27)), serverKey: this.#serverKey } : {};
    const answer = encodeRefusal(this.#builder, method, transactionId, { code, reason: "", ...asks });
    assert.equal(errorCodeOf(load(answer)), code);
    out.send(port, from, answer);
  }

  command(...[, command, out]: Parameters<Machine<{ type: "start" }, never>["command"]>): void {
    if (command.type === "start") out.openPort(0, { family: 4, port: 48_800 });
  }

  wake(): void {
    assert.fail("it wants no wake-up");
  }

  nextWake(): number {
    return Infinity;
  }
}

function hostAt(net: SmallNet, server: Refuser): Node<never, PeerEvent> {
  net.add("192.0.2.1", server).command({ type: "start" });
  const host = new Host({
    primitives,
    random: seededRandom(1),
    keyPair: keyPair(3),
    ticket: new Trio().hostTicket,
    servers: [serverAddress],
    secondPort: 3478,
    can,
    earlyData: false,
    invites: [invite],
  });
  const node = net.add("198.51.100.7", host);
  node.command({ type: "start" });
  return node;
}

function registers(net: SmallNet): Datagram[] {
  return net.log.filter(({ bytes }) => {
    const message = new StunMessage();
    if (message.load(bytes) !== undefined) return false;
    return message.method === Method.register && message.messageClass === MessageClass.request;
  });
}

function isSuccess(bytes: Uint8Array): boolean {
  const message = new StunMessage();
  if (message.load(bytes) !== undefined || message.messageClass !== MessageClass.success) return false;
  return message.method === Method.register;
}

function isBinding(bytes: Uint8Array): boolean {
  const message = new StunMessage();
  return (
    message.load(bytes) === undefined &&
    message.method === Method.binding &&
    message.messageClass === MessageClass.request
  );
}

function load(bytes: Uint8Array): StunMessage {
  const message = new StunMessage();
  assert.equal(message.load(bytes), undefined);
  return message;
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? new Uint8Array(0)).toString("hex");
}
