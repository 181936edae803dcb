/** A TURN client in memory, and a server that has TURN. */
import assert from "node:assert/strict";
import {
  type Address,
  type PortId,
  type PortRequest,
  randomBytes,
  sameAddress,
  withPort,
} from "@fractal-punch/machine";
import { mintedPassword, networkFromText, type ServerOptions, type TurnOptions } from "@fractal-punch/server/core";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  errorCodeOf,
  integrityMatches,
  integritySha1Matches,
  longTermKey,
  MessageClass,
  Method,
  type PasswordAlgorithm,
  passwordAlgorithmsValue,
  StunBuilder,
  StunMessage,
  Transport,
  textOf,
  xorAddresses,
} from "@fractal-punch/wire";
import { at, load, only, type Sent, secret, startSeconds, TestServer, yearSeconds } from "./test-server.ts";

const realm = "punch.example.org";
export const relayIp: Address = at("192.0.2.1:0");
const relayIp6 = at("[2001:db8::1]:0");

export const turnOptions: TurnOptions = {
  realm,
  users: new Map([["alice", "wonderland"]]),
  relayPorts: { first: 50_000, last: 50_999 },
  allow: ["198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"].map((text) => {
    const network = networkFromText(text);
    assert(network);
    return network;
  }),
  deny: [],
};

/** A server whose driver opens every relay port, unless `failure` says otherwise. */
export class TurnServer extends TestServer {
  /** The system's word for why a port does not open. */
  failure: (request: PortRequest) => string | undefined = () => undefined;
  /** The relay ports that are open, by id. */
  readonly relays: Map<number, Address> = new Map();

  constructor(options: Partial<ServerOptions> = {}) {
    super({ turn: turnOptions, ...options });
    this.openPorts();
    this.tell({ type: "public-addresses", addresses: [relayIp, relayIp6], own: [] });
    this.driver = {
      open: (port, request) => {
        const code = this.failure(request);
        if (code !== undefined) return { type: "port-failed", port, code };
        const local = withPort(request.family === 4 ? relayIp : relayIp6, request.port);
        this.relays.set(port, local);
        return { type: "port-opened", port, local };
      },
      close: (port) => void this.relays.delete(port),
    };
  }

  /** A peer's datagram to a relayed address. */
  fromPeer(peer: Address, relayed: Address, data: Uint8Array): Sent[] {
    const open = [...this.relays].find(([, local]) => sameAddress(local, relayed));
    return open === undefined ? [] : this.receive(peer, data, open[0]);
  }
}

export interface Credential {
  readonly username: string;
  readonly password: string;
}

/** As a login service mints it. */
export function minted(name: string, expirySeconds: number = startSeconds + yearSeconds): Credential {
  const username = `${expirySeconds}:${name}`;
  return { username, password: mintedPassword(nodePrimitives, secret, username) };
}

type Write = (builder: StunBuilder) => unknown;

export class TurnClient {
  server: TurnServer;
  readonly address: Address;
  readonly credential: Credential;
  readonly algorithm: PasswordAlgorithm | undefined;
  /** The server's port, of UDP or TCP. */
  readonly port: PortId;
  readonly #builder = new StunBuilder(2_000);
  #nonce: Uint8Array | undefined;

  /** With an algorithm it says that it knows of a choice (RFC 8489). */
  constructor(
    server: TurnServer,
    address: Address,
    credential: Credential = minted("bob"),
    algorithm?: PasswordAlgorithm,
    port: PortId = address.family === 4 ? 0 : 1,
  ) {
    this.server = server;
    this.address = address;
    this.credential = credential;
    this.algorithm = algorithm;
    this.port = port;
  }

  get key(): Uint8Array {
    const { username, password } = this.credential;
    return longTermKey(nodePrimitives, this.algorithm ?? "md5", username, realm, password);
  }

  /** Asks with what the server said last; gives the answer, whose integrity is checked where it has to have one. */
  ask(method: number, write: Write = () => undefined, transactionId: Uint8Array = this.transactionId()): StunMessage {
    this.#nonce ??= this.challenge().value(Attribute.nonce);
    const bytes = this.request(method, write, transactionId);
    const answer = load(only(this.server.receive(this.address, bytes, this.port), this.address).slice());
    assert.deepEqual(answer.transactionId, transactionId);
    const code = errorCodeOf(answer);
    if (code === 438) this.#nonce = answer.value(Attribute.nonce);
    if (code !== 401 && code !== 438) this.#check(answer, code);
    return answer;
  }

  request(
    method: number,
    write: Write = () => undefined,
    transactionId: Uint8Array = this.transactionId(),
  ): Uint8Array {
    const builder = this.#builder.begin(MessageClass.request, method, transactionId);
    write(builder);
    builder.text(Attribute.username, this.credential.username).text(Attribute.realm, realm);
    builder.attribute(Attribute.nonce, this.#nonce ?? new Uint8Array(40));
    if (this.algorithm === undefined) return builder.integritySha1(nodePrimitives, this.key).bytes().slice();
    builder.attribute(Attribute.passwordAlgorithms, passwordAlgorithmsValue(["sha256", "md5"]));
    builder.attribute(Attribute.passwordAlgorithm, passwordAlgorithmsValue([this.algorithm]));
    return builder.integrity(nodePrimitives, this.key).fingerprint().bytes().slice();
  }

  /** What the server answers to an Allocate without credentials. */
  challenge(): StunMessage {
    const builder = this.#builder.begin(MessageClass.request, Method.allocate, this.transactionId());
    const bytes = builder
      .u32(Attribute.requestedTransport, Transport.udp * 0x100_0000)
      .bytes()
      .slice();
    return load(only(this.server.receive(this.address, bytes, this.port), this.address).slice());
  }

  allocate(write: Write = () => undefined, transactionId: Uint8Array = this.transactionId()): StunMessage {
    return this.ask(
      Method.allocate,
      (builder) => {
        builder.u32(Attribute.requestedTransport, Transport.udp * 0x100_0000);
        write(builder);
      },
      transactionId,
    );
  }

  /** Allocates; gives the relayed address. */
  relayed(): Address {
    const [relayed] = xorAddresses(this.allocate(), Attribute.xorRelayedAddress);
    assert(relayed);
    return relayed;
  }

  permit(...peers: readonly Address[]): number | undefined {
    return errorCodeOf(this.ask(Method.createPermission, (builder) => peersOf(builder, peers)));
  }

  bind(number: number, peer: Address): number | undefined {
    return errorCodeOf(this.ask(Method.channelBind, (builder) => peersOf(builder.channel(number), [peer])));
  }

  refresh(seconds?: number): StunMessage {
    return this.ask(Method.refresh, (builder) => seconds !== undefined && builder.u32(Attribute.lifetime, seconds));
  }

  send(peer: Address, data: Uint8Array): Sent[] {
    const builder = this.#builder.begin(MessageClass.indication, Method.send, this.transactionId());
    const bytes = builder.xorAddress(Attribute.xorPeerAddress, peer).attribute(Attribute.data, data).bytes().slice();
    return this.server.receive(this.address, bytes, this.port);
  }

  channelData(number: number, data: Uint8Array): Sent[] {
    const head = Uint8Array.of(number >> 8, number & 0xff, data.length >> 8, data.length & 0xff);
    return this.server.receive(this.address, Uint8Array.of(...head, ...data), this.port);
  }

  transactionId(): Uint8Array {
    return randomBytes(this.server.random, 12);
  }

  #check(answer: StunMessage, code: number | undefined): void {
    const matches = this.algorithm === undefined ? integritySha1Matches : integrityMatches;
    assert(matches(nodePrimitives, this.key, answer), `an answer (${code ?? "success"}) that is not protected`);
  }
}

/** The peer and the data of a Data indication. */
export function dataOf(bytes: Uint8Array): {
  readonly peer: Address | undefined;
  readonly data: Uint8Array | undefined;
} {
  const message = load(bytes.slice());
  assert.deepEqual([message.method, message.messageClass], [Method.data, MessageClass.indication]);
  return { peer: xorAddresses(message, Attribute.xorPeerAddress)[0], data: message.value(Attribute.data) };
}

export function realmOf(message: StunMessage): string | undefined {
  return textOf(message, Attribute.realm);
}

function peersOf(builder: StunBuilder, peers: readonly Address[]): void {
  for (const peer of peers) builder.xorAddress(Attribute.xorPeerAddress, peer);
}
