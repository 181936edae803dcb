/** A host and a client as the tests need them: they make the datagrams of docs/protocol.md and read the answers. */
import assert from "node:assert/strict";
import { type Address, type Curve, hkdfSha256, type Macs, randomBytes } from "@fractal-punch/machine";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  type Approach,
  Attribute,
  asciiBytes,
  type Connected,
  clientUsername,
  decodeConnected,
  decodeIntroduction,
  decodeRegistered,
  encodeConnect,
  encodeLeave,
  encodeRefresh,
  encodeRegister,
  encodeRegisterAsk,
  errorCodeOf,
  hostIdText,
  hostUsername,
  type Introduction,
  integrityMatches,
  MessageClass,
  Method,
  type Registered,
  StunBuilder,
  type Ticket,
  ticketPassword,
  writeChannelHeader,
} from "@fractal-punch/wire";
import { at, load, only, type Sent, secret, startSeconds, type TestServer, yearSeconds } from "./test-server.ts";

const macs: Macs & Curve = nodePrimitives;
const builder: StunBuilder = new StunBuilder();

export function hostTicket(
  name = "desk",
  expirySeconds: number = startSeconds + yearSeconds,
  key: string = secret,
): Ticket {
  const username = hostUsername(expirySeconds, name);
  return { username, password: ticketPassword(macs, key, username) };
}

export class TestHost {
  readonly test: TestServer;
  readonly secretKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly hostId: string;
  ticket: Ticket;
  instance: Uint8Array;
  sequence = 0;
  address: Address;
  key: Uint8Array = new Uint8Array(32);

  constructor(test: TestServer, address: Address = at("198.51.100.7:5000"), ticket: Ticket = hostTicket()) {
    this.test = test;
    this.address = address;
    this.ticket = ticket;
    this.secretKey = randomBytes(test.random, 32);
    this.publicKey = macs.publicKey(this.secretKey);
    this.hostId = hostIdText(this.publicKey);
    this.instance = randomBytes(test.random, 8);
  }

  /** The same host started again; and the server, too, when it is another one. */
  restarted(address: Address, test: TestServer = this.test): TestHost {
    const host = new TestHost(test, address, this.ticket);
    Object.assign(host, { secretKey: this.secretKey, publicKey: this.publicKey, hostId: this.hostId });
    return host;
  }

  askBytes(): Uint8Array {
    return encodeRegisterAsk(builder, this.test.transactionId(), this.publicKey).slice();
  }

  /** Asks for a nonce from `from`. */
  nonce(from: Address = this.address): { nonce: Uint8Array; serverKey: Uint8Array } {
    const message = load(only(this.test.receive(from, this.askBytes()), from));
    assert.equal(errorCodeOf(message), 401);
    const nonce = message.value(Attribute.nonce)?.slice();
    const serverKey = message.fixed(Attribute.serverKey, 32)?.slice();
    assert(nonce && serverKey);
    return { nonce, serverKey };
  }

  registerBytes(
    nonce: Uint8Array,
    serverKey: Uint8Array,
    changes: { dh?: Uint8Array; dialled?: Address } = {},
  ): Uint8Array {
    const dh = changes.dh ?? macs.dh(this.secretKey, serverKey);
    assert(dh);
    this.key = hkdfSha256(macs, dh, this.instance, asciiBytes("fractal-punch registration"));
    const dialled = changes.dialled ?? at("203.0.113.1:48800");
    const { publicKey: hostKey, instance } = this;
    const proof = { hostKey, instance, sequence: ++this.sequence, username: this.ticket.username, nonce, dialled };
    return encodeRegister(builder, this.test.transactionId(), proof, dh, ticketSignature(this.ticket)).slice();
  }

  /** Registers from `from`; gives what the server sent upon the full Register. */
  register(from: Address = this.address): Sent[] {
    const { nonce, serverKey } = this.nonce(from);
    this.address = from;
    return this.test.receive(from, this.registerBytes(nonce, serverKey));
  }

  refreshBytes(encode: typeof encodeRefresh = encodeRefresh): Uint8Array {
    const { publicKey: hostKey, instance } = this;
    const registration = { hostKey, instance, sequence: ++this.sequence };
    return encode(builder, this.test.transactionId(), registration, { macs, key: this.key }).slice();
  }

  leaveBytes(): Uint8Array {
    return this.refreshBytes(encodeLeave);
  }

  refresh(from: Address = this.address): Sent[] {
    return this.test.receive(from, this.refreshBytes());
  }

  /** The success in what was sent to `from`, its signature checked. */
  registered(sent: readonly Sent[], from: Address = this.address): Registered {
    const message = load(only(sent, from));
    assert.equal(message.messageClass, MessageClass.success, `error ${errorCodeOf(message)}`);
    assert(integrityMatches(macs, this.key, message), "signed with the registration key");
    const registered = decodeRegistered(message);
    assert(registered);
    return registered;
  }

  /** The Introduce in what was sent to this host, its signature checked. */
  introduction(sent: readonly Sent[], to: Address = this.address): Introduction {
    const message = load(only(sent, to));
    assert(integrityMatches(macs, this.key, message), "signed with the registration key");
    const introduction = decodeIntroduction(message);
    assert(introduction);
    return introduction;
  }

  clientTicket(expirySeconds: number = startSeconds + yearSeconds): Ticket {
    const username = clientUsername(expirySeconds, this.hostId, this.ticket.username);
    return { username, password: ticketPassword(macs, this.ticket.password, username) };
  }
}

export interface ConnectChanges {
  readonly timeMs?: number;
  readonly approach?: Approach | undefined;
  readonly nonce?: Uint8Array | undefined;
  readonly transactionId?: Uint8Array;
}

export class TestClient {
  readonly test: TestServer;
  readonly ticket: Ticket;
  address: Address;
  readonly approach: Approach = { kind: "first", message: new Uint8Array(300).fill(7) };
  transactionId: Uint8Array;

  constructor(test: TestServer, ticket: Ticket, address: Address = at("192.0.2.9:6000")) {
    this.test = test;
    this.ticket = ticket;
    this.address = address;
    this.transactionId = test.transactionId();
  }

  connectBytes(changes: ConnectChanges = {}): Uint8Array {
    const approach = "approach" in changes ? changes.approach : this.approach;
    const timeMs = changes.timeMs ?? this.test.epochMs;
    const { nonce, transactionId = this.transactionId } = changes;
    const { username } = this.ticket;
    const request = { username, timeMs, ...(approach && { approach }), ...(nonce && { nonce }) };
    return encodeConnect(builder, transactionId, request, ticketSignature(this.ticket)).slice();
  }

  /** With a first message of one byte, and no padding. */
  shortConnectBytes(): Uint8Array {
    builder.begin(MessageClass.request, Method.connect, this.transactionId);
    builder.text(Attribute.username, this.ticket.username).u64(Attribute.time, this.test.epochMs);
    builder.attribute(Attribute.firstMessage, Uint8Array.of(1));
    return builder.integrity(macs, asciiBytes(this.ticket.password)).fingerprint().bytes().slice();
  }

  connect(changes: ConnectChanges = {}, from: Address = this.address): Sent[] {
    return this.test.receive(from, this.connectBytes(changes));
  }

  /** The success in what was sent to this client, its signature checked. */
  connected(sent: readonly Sent[], to: Address = this.address): Connected {
    const message = load(only(sent, to));
    assert.equal(message.messageClass, MessageClass.success, `error ${errorCodeOf(message)}`);
    assert(integrityMatches(macs, asciiBytes(this.ticket.password), message), "signed with the ticket");
    const connected = decodeConnected(message);
    assert(connected);
    return connected;
  }

  /** Returns the nonce, and nothing else. */
  prove(nonce: Uint8Array, from: Address = this.address): Sent[] {
    return this.connect({ nonce, approach: undefined }, from);
  }

  /** Connects and proves its address. */
  open(): Connected {
    const connected = this.connected(this.connect());
    this.prove(connected.nonce);
    return connected;
  }
}

export function ticketSignature(ticket: Ticket): { macs: Macs; key: Uint8Array } {
  return { macs, key: asciiBytes(ticket.password) };
}

/** ChannelData with `lengthBytes` of payload. */
export function channelData(channel: number, lengthBytes = 100): Uint8Array {
  const bytes = new Uint8Array(4 + lengthBytes).fill(8);
  writeChannelHeader(bytes, channel, lengthBytes);
  return bytes;
}

export interface Introduced {
  readonly host: TestHost;
  readonly client: TestClient;
  /** The channel numbers of the two. */
  readonly clientChannel: number;
  readonly hostChannel: number;
  readonly nonce: Uint8Array;
}

/** A registered host, and a client that was introduced to it and has not proven its address. */
export function introducePair(test: TestServer, addresses: { host?: string; client?: string } = {}): Introduced {
  const host = new TestHost(test, at(addresses.host ?? "198.51.100.7:5000"));
  host.registered(host.register());
  const client = new TestClient(test, host.clientTicket(), at(addresses.client ?? "192.0.2.9:6000"));
  const sent = client.connect();
  const connected = client.connected(sent);
  const { channel } = host.introduction(sent);
  return { host, client, clientChannel: connected.channel, hostChannel: channel, nonce: connected.nonce };
}

/** As `introducePair`, and the client has proven its address. */
export function connectPair(test: TestServer, addresses: { host?: string; client?: string } = {}): Introduced {
  const pair = introducePair(test, addresses);
  assert(pair.client.connected(pair.client.prove(pair.nonce)).proven);
  return pair;
}
