/** A TURN client on real streams of TCP or TLS, as far as tests need one. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  errorCodeOf,
  longTermKey,
  MessageClass,
  Method,
  StreamFrames,
  StunBuilder,
  StunMessage,
} from "@fractal-punch/wire";

const realm = "fractal-punch";

export class StreamClient {
  readonly socket: Socket;
  readonly #frames = new StreamFrames();
  readonly #builder = new StunBuilder();
  readonly #messages: StunMessage[] = [];
  #heard: () => void = () => undefined;
  #nonce: Uint8Array | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", this.#take);
  }

  static async dial(port: number, transport: "tcp" | "tls"): Promise<StreamClient> {
    const options = { port, host: "127.0.0.1", rejectUnauthorized: false };
    const socket = transport === "tls" ? connectTls(options) : connect(options);
    await once(socket, transport === "tls" ? "secureConnect" : "connect");
    return new StreamClient(socket);
  }

  /** The next message that is not an answer awaited by `ask`. */
  async next(): Promise<StunMessage> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  /** Asks as alice, and once more with the nonce that a first refusal brings. */
  async ask(method: number, write: (builder: StunBuilder) => unknown): Promise<StunMessage> {
    this.socket.write(this.#request(method, write));
    const answer = await this.next();
    const code = errorCodeOf(answer);
    if (code !== 401 && code !== 438) return answer;
    this.#nonce = answer.value(Attribute.nonce);
    this.socket.write(this.#request(method, write));
    return await this.next();
  }

  /** What follows are no messages: it is left unread. */
  #becomeRaw(): void {
    this.socket.off("data", this.#take).pause();
    const rest = this.#frames.rest();
    if (rest.length > 0) this.socket.unshift(rest.slice());
  }

  #request(method: number, write: (builder: StunBuilder) => unknown): Uint8Array {
    this.#builder.begin(MessageClass.request, method, randomBytes(12));
    write(this.#builder);
    if (this.#nonce === undefined) return this.#builder.bytes().slice();
    this.#builder.text(Attribute.username, "alice").text(Attribute.realm, realm);
    this.#builder.attribute(Attribute.nonce, this.#nonce);
    const key = longTermKey(nodePrimitives, "md5", "alice", realm, "wonderland");
    return this.#builder.integritySha1(nodePrimitives, key).bytes().slice();
  }

  readonly #take = (piece: Uint8Array): void => {
    this.#frames.push(new Uint8Array(piece));
    for (let bytes = this.#frames.next(); bytes !== undefined; bytes = this.#frames.next()) {
      assert(bytes instanceof Uint8Array);
      const message = new StunMessage();
      assert.equal(message.load(bytes.slice()), undefined);
      this.#messages.push(message);
      if (message.method === Method.connectionBind && errorCodeOf(message) === undefined) this.#becomeRaw();
    }
    this.#heard();
  };
}
