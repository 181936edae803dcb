/** Clients that are relayed over TCP (RFC 6062), their peers, and the server between them, in memory. */
import assert from "node:assert/strict";
import { type Address, addressText, sameAddress } from "@fractal-punch/machine";
import type { ServerOptions } from "@fractal-punch/server/core";
import {
  Attribute,
  connectionIdOf,
  errorCodeOf,
  MessageClass,
  Method,
  type StunMessage,
  Transport,
  xorAddress,
} from "@fractal-punch/wire";
import { at, load, only, type Sent } from "./test-server.ts";
import { type Credential, minted, TurnClient, TurnServer } from "./test-turn.ts";

const rate = { perSecond: 1e6, burst: 1e6 };

export class TcpTurnServer extends TurnServer {
  /** The ports that dial, and whom. */
  readonly dials: Map<number, Address> = new Map();

  constructor(options: Partial<ServerOptions> = {}) {
    super({ ...options, limits: { streamRate: rate, dialRate: rate, ...options.limits } });
    const { driver } = this;
    assert(driver);
    this.driver = {
      open: (port, request) => {
        if (request.remote === undefined) return driver.open(port, request);
        this.dials.set(port, request.remote);
        return undefined;
      },
      close: (port) => {
        this.dials.delete(port);
        driver.close(port);
      },
    };
  }

  /** The port of the newest dialling. */
  get dialPort(): number {
    return [...this.dials.keys()].at(-1) ?? assert.fail("nobody dials");
  }

  relayPort(relayed: Address): number {
    const open = [...this.relays].find(([, local]) => sameAddress(local, relayed));
    return open?.[0] ?? assert.fail(`${addressText(relayed)} is not open`);
  }

  /** The peer answers the newest dialling. */
  reach(port: number = this.dialPort): Sent[] {
    const from = this.dials.get(port) ?? assert.fail("it dials nobody");
    return this.hear({ type: "stream-opened", port, from, local: at("192.0.2.1:40000") });
  }

  /** A peer dials a relayed address. */
  peerDials(peer: Address, relayed: Address): Sent[] {
    return this.hear({ type: "stream-opened", port: this.relayPort(relayed), from: peer, local: relayed });
  }

  ended(port: number, from: Address): void {
    this.tell({ type: "stream-ended", port, from });
  }
}

/** One on a stream of its own, with an allocation of TCP. */
export class TcpTurnClient extends TurnClient {
  readonly tcpServer: TcpTurnServer;
  relayedAddress: Address;

  constructor(server: TcpTurnServer, address: Address, credential: Credential = minted("bob")) {
    super(server, address, credential, undefined, server.tcpPort);
    this.tcpServer = server;
    server.dial(address);
    const relayed = xorAddress(this.allocateTcp(), Attribute.xorRelayedAddress);
    assert(relayed);
    this.relayedAddress = relayed;
  }

  allocateTcp(): StunMessage {
    return this.ask(Method.allocate, (builder) => builder.u32(Attribute.requestedTransport, Transport.tcp << 24));
  }

  /** What the server sends upon a Connect. */
  connect(peer: Address): Sent[] {
    const write: Parameters<TurnClient["ask"]>[1] = (builder) => builder.xorAddress(Attribute.xorPeerAddress, peer);
    return this.server.receive(this.address, this.request(Method.tcpConnect, write), this.port);
  }

  /** Connects to a peer that answers; gives the connection's id and the port that its stream is on. */
  connected(peer: Address): { readonly id: number; readonly port: number } {
    assert.deepEqual(this.connect(peer), []);
    const port = this.tcpServer.dialPort;
    return { id: idOf(only(this.tcpServer.reach(port), this.address)), port };
  }

  /** Another stream of this client's, from that address, which binds the connection. */
  bindConnection(id: number, from: Address, behind: Uint8Array = new Uint8Array(0)): Sent[] {
    this.tcpServer.dial(from);
    const binding = new TurnClient(this.server, from, this.credential, undefined, this.port);
    assert.equal(errorCodeOf(binding.refresh()), 437, "it learns its nonce");
    const bytes = binding.request(Method.connectionBind, (builder) => builder.u32(Attribute.connectionId, id));
    return this.server.receive(from, Uint8Array.of(...bytes, ...behind), this.port);
  }
}

/** Of a Connect's success. */
export function idOf(bytes: Uint8Array): number {
  const message = load(bytes.slice());
  assert.deepEqual([message.messageClass, message.method], [MessageClass.success, Method.tcpConnect]);
  return connectionIdOf(message) ?? assert.fail("without an id");
}

/** Of a ConnectionAttempt. */
export function attemptOf(bytes: Uint8Array): { readonly id: number; readonly peer: Address } {
  const message = load(bytes.slice());
  assert.deepEqual([message.messageClass, message.method], [MessageClass.indication, Method.connectionAttempt]);
  const peer = xorAddress(message, Attribute.xorPeerAddress);
  return { id: connectionIdOf(message) ?? assert.fail("without an id"), peer: peer ?? assert.fail("without a peer") };
}
