/** A client that holds an invite, and means ill: with other sessions of the host, or with third parties. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, sameAddress, sameIp } from "@fractal-punch/machine";
import { asciiBytes, decodeConnect, encodeConnect, PacketType, StunBuilder, StunMessage } from "@fractal-punch/wire";
import type { Datagram } from "./small-net.ts";
import { at, primitives } from "./test-context.ts";
import { all, only, serverAddress, Trio } from "./trio.ts";

const victim = at("198.18.0.1:5000");

test("who brings the host another client's first message again does not get that client's datagrams", () => {
  const trio = new Trio().begin();
  trio.net.loses = ({ from, to }) => !sameIp(from, serverAddress) && !sameIp(to, serverAddress);
  const client = trio.connected();
  trio.net.run(1000);
  const { session } = only(trio.host, "session");
  trio.net.send({ sentAtMs: trio.net.now, from: victim, to: serverAddress, bytes: reconnected(trio, client.address) });
  trio.net.run(100);
  for (let i = 0; i < 50; i++) {
    trio.host.command({ type: "send", session, data: Uint8Array.of(i) });
    trio.net.run(100);
  }
  assert.equal(all(client, "data").length, 50);
});

test("a client that holds rounds without end makes the host probe the addresses it names no more than some rounds would", () => {
  const trio = new Trio().begin();
  const client = trio.connected();
  trio.net.run(1000);
  const before = trio.net.log.length;
  for (let round = 0; round < 500; round++) {
    const interfaces = Array.from({ length: 7 }, (_, index) => ({
      address: at(`198.18.${round % 250}.${index + 1}:0`),
      prefixBits: 24,
    }));
    client.command({ type: "interfaces", interfaces });
    trio.net.run(20);
  }
  const probes = trio.net.log.slice(before).filter(({ from, to }) => fromHost(trio, from) && isNamed(to));
  assert(probes.length > 0);
  assert(probes.length <= 12 * 7 * 3, `${probes.length} probes`);
});

test("a client that sends in a victim's name brings it no datagram of the application, and at most three small ones for each of its own", () => {
  const trio = new Trio().begin();
  let forged = 0;
  trio.net.loses = (datagram) => {
    if (!isStraight(trio, datagram)) return false;
    if (datagram.bytes[0] === PacketType.sealed) {
      forged++;
      trio.host.receive({ ...datagram, from: victim });
    }
    return true;
  };
  streamed(trio);
  const sent = trio.net.log.filter(({ to }) => sameAddress(to, victim));
  assert(forged > 0 && sent.length > 0);
  assert(sent.length <= 4 * forged, `${sent.length} datagrams for ${forged}`);
  assert.deepEqual(
    sent.filter(({ bytes }) => bytes.length > 64),
    [],
  );
});

test("a client that knocks in the name of victims brings them second messages and probes, and no datagram of the application", () => {
  const trio = new Trio().begin();
  let port = 6000;
  trio.net.loses = (datagram) => {
    if (!isStraight(trio, datagram)) return false;
    if (datagram.bytes[0] === PacketType.knock) trio.host.receive({ ...datagram, from: { ...victim, port: port++ } });
    return true;
  };
  streamed(trio);
  const sent = trio.net.log.filter(({ to }) => sameIp(to, victim));
  assert(sent.length > 0);
  assert.deepEqual(
    sent.filter(({ bytes }) => bytes[0] !== PacketType.second && bytes.length > 64),
    [],
  );
});

/** A client connects, and the host's application sends it much for five seconds. */
function streamed(trio: Trio): void {
  const client = trio.connect();
  trio.net.runUntil(() => all(trio.host, "session").length > 0);
  const { session } = only(trio.host, "session");
  for (let i = 0; i < 500; i++) {
    trio.host.command({ type: "send", session, data: new Uint8Array(1000) });
    trio.net.run(10);
  }
  only(client, "connected");
}

/** The first message of that client, in a Connect of somebody else. */
function reconnected(trio: Trio, client: Address): Uint8Array {
  const connect = trio.net.log.find(({ from, bytes }) => sameAddress(from, client) && bytes.length === 1200);
  assert(connect);
  const message = new StunMessage();
  assert.equal(message.load(connect.bytes), undefined);
  const request = decodeConnect(message);
  assert(request?.approach);
  const { username, password } = trio.clientTicket;
  const again = { ...request, username };
  const id = asciiBytes("another one!");
  return encodeConnect(new StunBuilder(), id, again, { macs: primitives, key: asciiBytes(password) }).slice();
}

function fromHost(trio: Trio, from: Address): boolean {
  return sameAddress(from, trio.host.address);
}

function isNamed(to: Address): boolean {
  return to.family === 4 && to.ip >>> 16 === 0xc612;
}

/** From a client to the host, or back. */
function isStraight(trio: Trio, { from, to }: Datagram): boolean {
  const client = at("203.0.113.9:0");
  return (sameIp(from, client) && fromHost(trio, to)) || (fromHost(trio, from) && sameIp(to, client));
}
