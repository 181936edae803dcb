/** TURN's clients of the server's machine: they allocate with the two requests that it takes, and let go again. */
import type { Address } from "@fractal-punch/machine";
import { mintedPassword } from "@fractal-punch/server/core";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  longTermKey,
  MessageClass,
  Method,
  StunBuilder,
  StunMessage,
  Transport,
  textOf,
  writeU32,
} from "@fractal-punch/wire";
import { expirySeconds, type MachineHosts, secret } from "./machine-hosts.ts";

const macs = nodePrimitives;

/** One request that the server has yet to see, signed for a user and a nonce. */
export interface TurnQuestion {
  readonly from: Address;
  readonly username: string;
  readonly bytes: Uint8Array;
}

export class MachineTurn {
  readonly #hosts: MachineHosts;
  readonly #builder = new StunBuilder();
  readonly #message = new StunMessage();
  #questions = 0;

  constructor(hosts: MachineHosts) {
    this.#hosts = hosts;
  }

  /** Without credentials: the answer is 401. */
  ask(): Uint8Array {
    return this.#begin(Method.allocate).fingerprint().bytes().slice();
  }

  /** The same question, with what the 401 wants, by a user of that name whom the server has not seen yet. */
  proof(from: Address, name: string, refusal: Uint8Array, method: number = Method.allocate): TurnQuestion {
    const username = `${expirySeconds}:${name}`;
    if (this.#message.load(refusal) !== undefined) throw new Error("the server's answer is no STUN message");
    const nonce = this.#message.value(Attribute.nonce);
    const realm = textOf(this.#message, Attribute.realm);
    if (nonce === undefined || realm === undefined) throw new Error("the server asked for no credentials");
    const key = longTermKey(macs, "md5", username, realm, mintedPassword(macs, secret, username));
    this.#begin(method).text(Attribute.username, username).text(Attribute.realm, realm);
    this.#builder.attribute(Attribute.nonce, nonce).integritySha1(macs, key);
    return { from, username, bytes: this.#builder.fingerprint().bytes().slice() };
  }

  /** Its socket opens at once. */
  allocate({ from, bytes }: TurnQuestion): void {
    const { server, now, out } = this.#hosts;
    this.#hosts.receive(from, bytes);
    const port = out.opened?.port ?? 0;
    server.command(now, { type: "port-opened", port, local: { family: 4, ip: 0, port: relayPort(port) } }, out);
  }

  /** Throws unless the last answer was a success. */
  check(): void {
    this.#message.load(this.#hosts.out.last);
    if (this.#message.messageClass !== MessageClass.success) throw new Error("the server refused an allocation");
  }

  #begin(method: number): StunBuilder {
    const id = new Uint8Array(12);
    writeU32(id, 8, ++this.#questions);
    this.#builder.begin(MessageClass.request, method, id);
    if (method === Method.refresh) return this.#builder.u32(Attribute.lifetime, 0);
    return this.#builder.u32(Attribute.requestedTransport, Transport.udp * 0x100_0000);
  }
}

/** What the system would have chosen. */
function relayPort(port: number): number {
  return 49_152 + (port % 16_384);
}
