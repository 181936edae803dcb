/** A server whose channels are forwarded by threads, over real sockets. */
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Address, randomBytes } from "@fractal-punch/machine";
import { mintTurnTicket, readSecret, type ServeEvent, serve } from "@fractal-punch/server";
import { nodePrimitives, systemRandom } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  encodeChannelData,
  errorCodeOf,
  longTermKey,
  MessageClass,
  Method,
  StunBuilder,
  StunMessage,
  type Ticket,
  Transport,
  xorAddress,
} from "@fractal-punch/wire";
import { at } from "./test-server.ts";

const realm = "fractal-punch";
const withoutThreads = process.platform !== "linux" || process.env["FRACTAL_PUNCH_DRIVER"] === "dgram";

/** A client of TURN's on a socket of its own. */
class SocketTurn {
  readonly socket: Socket;
  readonly #serverPort: number;
  readonly #ticket: Ticket;
  readonly #builder = new StunBuilder(2_000);
  #nonce: Uint8Array | undefined;

  constructor(socket: Socket, serverPort: number, ticket: Ticket) {
    this.socket = socket;
    this.#serverPort = serverPort;
    this.#ticket = ticket;
  }

  async ask(method: number, write: (builder: StunBuilder) => unknown): Promise<StunMessage> {
    const { username, password } = this.#ticket;
    const builder = this.#builder.begin(MessageClass.request, method, randomBytes(systemRandom, 12));
    write(builder);
    if (this.#nonce !== undefined) {
      builder.text(Attribute.username, username).text(Attribute.realm, realm).attribute(Attribute.nonce, this.#nonce);
      builder.integritySha1(nodePrimitives, longTermKey(nodePrimitives, "md5", username, realm, password));
    }
    this.send(builder.bytes());
    const answer = new StunMessage();
    assert.equal(answer.load(await received(this.socket)), undefined);
    if (errorCodeOf(answer) !== 401) return answer;
    this.#nonce = answer.value(Attribute.nonce)?.slice();
    return await this.ask(method, write);
  }

  async allocate(): Promise<Address> {
    const answer = await this.ask(Method.allocate, (builder) =>
      builder.u32(Attribute.requestedTransport, Transport.udp * 0x100_0000),
    );
    const relayed = xorAddress(answer, Attribute.xorRelayedAddress);
    assert.ok(relayed !== undefined, `no allocation: ${errorCodeOf(answer)}`);
    return relayed;
  }

  async bind(number: number, peer: Address): Promise<void> {
    const answer = await this.ask(Method.channelBind, (builder) =>
      builder.channel(number).xorAddress(Attribute.xorPeerAddress, peer),
    );
    assert.equal(errorCodeOf(answer), undefined);
  }

  send(bytes: Uint8Array): void {
    this.socket.send(bytes.slice(), this.#serverPort, "127.0.0.1");
  }
}

async function bound(ip: string): Promise<Socket> {
  const socket = createSocket("udp4").bind(0, ip);
  await once(socket, "listening");
  return socket;
}

async function received(socket: Socket): Promise<Uint8Array> {
  const [message]: unknown[] = await once(socket, "message");
  assert.ok(message instanceof Uint8Array);
  return new Uint8Array(message);
}

test("TURN's channels go by threads both ways, and what is asked by the control plane, until it all is closed", {
  skip: withoutThreads,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "fractal-punch-"));
  const events: ServeEvent[] = [];
  const server = await serve({
    stateFolder: join(folder, "state"),
    listen: ["127.0.0.1"],
    port: 0,
    secondPort: null,
    publicNames: ["127.0.0.1"],
    tls: null,
    turn: { allow: ["127.0.0.0/8"] },
    threads: 3,
    onEvent: (event) => void events.push(event),
  });
  assert.equal(events.find(({ type }) => type === "driver")?.type, "driver");
  const port = server.listening[0]?.port ?? 0;
  const secret = await readSecret(join(folder, "state"));
  const ticket = mintTurnTicket(secret, "bob", Math.floor(Date.now() / 1000) + 3_600);
  const client = new SocketTurn(await bound("127.0.0.1"), port, ticket);
  // Not at the server's own address, which TURN does not relay to.
  const peers = [await bound("127.0.0.2"), await bound("127.0.0.2"), await bound("127.0.0.2")];
  const relayed = await client.allocate();
  // Numbers that different threads forward; what is sent before they have the relayed port would be lost.
  for (const [i, peer] of peers.entries()) await client.bind(0x4000 + i, at(`127.0.0.2:${peer.address().port}`));
  for (let round = 0; round < 50; round++) {
    for (const [i, peer] of peers.entries()) {
      const data = Uint8Array.of(round, i, 7);
      client.send(encodeChannelData(0x4000 + i, data, false));
      assert.deepEqual(await received(peer), data);
      peer.send(data.toReversed(), relayed.port, "127.0.0.1");
      assert.deepEqual(await received(client.socket), encodeChannelData(0x4000 + i, data.toReversed(), false));
    }
  }
  const { served, relayedBytes } = server.counters;
  assert.deepEqual([served.of("channel-data"), served.of("from-peer")], [150, 150]);
  assert.equal(relayedBytes, 150 * 7 + 150 * 3);
  assert.deepEqual(server.driverCounters.drops, new Map());
  // The relayed port is closed once no thread has it any more: then another program may have it.
  await client.ask(Method.refresh, (builder) => builder.u32(Attribute.lifetime, 0));
  await server.close();
  const again = createSocket("udp4").bind(relayed.port, "127.0.0.1");
  await once(again, "listening");
  for (const socket of [again, client.socket, ...peers]) socket.close();
  await rm(folder, { recursive: true });
});
