/**
 * The server's machine without sockets, and a million hosts that keep nothing: all of a host follows from its number, so
 * that what the process grows by is the server's.
 */
import { type Address, addressFromIpText, type Curve, hkdfSha256, noInfo } from "@fractal-punch/machine";
import { Server } from "@fractal-punch/server/core";
import { nodePrimitives, systemRandom } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  asciiBytes,
  clientUsername,
  encodeBinding,
  encodeConnect,
  encodeRefresh,
  encodeRegister,
  encodeRegisterAsk,
  errorCodeOf,
  hostIdText,
  hostUsername,
  MessageClass,
  StunBuilder,
  StunMessage,
  type Ticket,
  ticketPassword,
  writeU32,
} from "@fractal-punch/wire";
import { MachineOutbox } from "./machine-outbox.ts";

export const secret = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
const startMs = 1_800_000_000_000;
export const expirySeconds: number = startMs / 1000 + 31_536_000;
const idsPerTicket = 1_000;
/** Few enough that each has a bucket, and no more hosts in one than its rate lets in. */
const networks = 8_192;
const registrationInfo = asciiBytes("fractal-punch registration");
const first = { kind: "first", message: new Uint8Array(600) } as const;
const dialled: Address = { family: 4, ip: 0xcb00_7101, port: 48_800 };

/** Stands in for X25519, which would take a minute here. All MACs are real, and so is what is kept of a host. */
const cheapCurve: Curve = {
  publicKey: (secretKey) => secretKey.slice(),
  dh: (_, publicKey) => publicKey.slice(),
};

const macs = nodePrimitives;

export class MachineHosts {
  readonly server: Server;
  readonly out: MachineOutbox = new MachineOutbox();
  now = 1_000;
  count = 0;
  readonly #builder = new StunBuilder();
  readonly #message = new StunMessage();
  readonly #tickets: Ticket[] = [];
  #sequence = 0;
  #questions = 0;

  constructor() {
    this.server = new Server({
      secret,
      primitives: { ...nodePrimitives, ...cheapCurve },
      random: systemRandom,
      access: "tickets",
      ports: [{ family: 4, port: 48_800, main: true }],
      classic: true,
      turn: { realm: "bench", users: new Map(), relayPorts: { first: 49_152, last: 65_535 }, allow: [], deny: [] },
      // None lapses while the bench prepares its questions.
      limits: { registrations: 2_000_000, introductions: 1_000_000, registrationLifeMs: 36_000_000 },
    });
    this.server.command(this.now, { type: "clock", epochMs: startMs + this.now }, this.out);
    this.server.command(this.now, { type: "start" }, this.out);
    this.server.command(
      this.now,
      { type: "port-opened", port: 0, local: { family: 4, ip: 0x7f00_0001, port: 48_800 } },
      this.out,
    );
    const own = addressFromIpText("203.0.113.1", 0);
    if (own !== undefined)
      this.server.command(this.now, { type: "public-addresses", addresses: [own], own: [] }, this.out);
  }

  /** Lets time pass, and has the server do what is due. */
  pass(ms: number): void {
    this.now += ms;
    this.server.wake(this.now, this.out);
  }

  receive(from: Address, bytes: Uint8Array): void {
    this.server.receive(this.now, 0, from, bytes, noInfo, this.out);
  }

  /** 10,000 a second: the server's rates let that in, and all have come before the first would lapse. */
  registerUpTo(count: number): void {
    for (; this.count < count; this.count++) {
      this.#register(this.count);
      if (this.count % 1_000 === 999) this.pass(100);
    }
    const { registrations } = this.server.sizes;
    if (registrations !== count) throw new Error(`${registrations} of ${count} hosts are registered`);
  }

  /** A refresh of the host, signed; one that the server has not seen yet. */
  refresh(host: number): Uint8Array {
    const signature = { macs, key: this.#registrationKey(host) };
    return encodeRefresh(this.#builder, this.#transactionId(), this.#fields(host), signature).slice();
  }

  keepalive(): Uint8Array {
    return encodeBinding(this.#builder, this.#transactionId(), true).slice();
  }

  /** A Connect to the host by a client with a ticket that the server has not seen yet. */
  connect(host: number): Uint8Array {
    const { username, password } = this.#ticket(host);
    const own = clientUsername(expirySeconds + ++this.#questions, hostIdText(hostKey(host)), username);
    const key = asciiBytes(ticketPassword(macs, password, own));
    const request = { username: own, timeMs: startMs + this.now, approach: first };
    return encodeConnect(this.#builder, this.#transactionId(), request, { macs, key }).slice();
  }

  #register(host: number): void {
    const from = hostAddress(host);
    this.receive(from, encodeRegisterAsk(this.#builder, this.#transactionId(), hostKey(host)));
    this.#message.load(this.out.last);
    const nonce = this.#message.value(Attribute.nonce)?.slice();
    if (nonce === undefined) throw new Error(`the server refused a registration: ${errorCodeOf(this.#message)}`);
    const { username, password } = this.#ticket(host);
    const proof = { ...this.#fields(host), username, nonce, dialled };
    const signature = { macs, key: asciiBytes(password) };
    this.receive(from, encodeRegister(this.#builder, this.#transactionId(), proof, hostKey(host), signature));
    this.#message.load(this.out.last);
    if (this.#message.messageClass !== MessageClass.success)
      throw new Error(`the server refused a proof: ${errorCodeOf(this.#message)}`);
  }

  #fields(host: number): { hostKey: Uint8Array; instance: Uint8Array; sequence: number } {
    return { hostKey: hostKey(host), instance: instance(host), sequence: ++this.#sequence };
  }

  #registrationKey(host: number): Uint8Array {
    return hkdfSha256(macs, hostKey(host), instance(host), registrationInfo);
  }

  #ticket(host: number): Ticket {
    const number = Math.floor(host / idsPerTicket);
    const known = this.#tickets[number];
    if (known !== undefined) return known;
    const username = hostUsername(expirySeconds, `desk-${number}`);
    return (this.#tickets[number] = { username, password: ticketPassword(macs, secret, username) });
  }

  #transactionId(): Uint8Array {
    const id = new Uint8Array(12);
    writeU32(id, 8, ++this.#questions);
    return id;
  }
}

/** Each has its own address and port; neighbours are in different networks. */
export function hostAddress(host: number): Address {
  const network = host % networks;
  const place = Math.floor(host / networks);
  return { family: 4, ip: 0x5000_0000 + network * 256 + (place % 256), port: 1_024 + (host % 60_000) };
}

export function clientAddress(client: number): Address {
  return { family: 4, ip: 0x1400_0000 + client * 5, port: 1_024 + (client % 60_000) };
}

/** Like no other's; what it looks like does not matter to the server's hash. */
function hostKey(host: number): Uint8Array {
  const bytes = new Uint8Array(32).fill(1);
  writeU32(bytes, 0, host);
  return bytes;
}

function instance(host: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeU32(bytes, 0, host ^ 0x5a5a_5a5a);
  writeU32(bytes, 4, host);
  return bytes;
}
