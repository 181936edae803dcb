/** A TURN client on a stream of the world, steered by hand. */
import type { Address } from "@fractal-punch/machine";
import { type DialledStream, primitives, type World } from "@fractal-punch/sim";
import {
  Attribute,
  asciiBytes,
  errorCodeOf,
  longTermKey,
  MessageClass,
  Method,
  StreamFrames,
  StunBuilder,
  StunMessage,
} from "@fractal-punch/wire";

export const alice = { username: "alice", password: "wonderland", realm: "punch.example.org" } as const;
const key = longTermKey(primitives, "md5", alice.username, alice.realm, alice.password);

export class TurnClient {
  readonly stream: DialledStream;
  /** What came behind the answer to its ConnectionBind. */
  readonly data: number[] = [];
  readonly #world: World;
  readonly #frames = new StreamFrames();
  readonly #messages: StunMessage[] = [];
  #nonce: Uint8Array | undefined;
  #isRaw = false;
  #asked = 0;

  constructor(world: World, node: { dial(to: Address): DialledStream }, server: Address) {
    this.#world = world;
    this.stream = node.dial(server);
    this.stream.onEvent((event) => {
      if (event.type === "received") this.#take(event.bytes);
    });
  }

  /** The next message that was not taken yet. */
  next(): StunMessage {
    this.#world.runUntil(() => this.#messages.length > 0, this.#world.now + 60_000);
    const message = this.#messages.shift();
    if (message === undefined) throw new Error("nothing came within a minute");
    return message;
  }

  /** Asks as alice, and once more with the nonce that a first refusal brings. */
  ask(method: number, write: (builder: StunBuilder) => unknown): StunMessage {
    this.stream.write(this.#request(method, write));
    const answer = this.next();
    const code = errorCodeOf(answer);
    if (code !== 401 && code !== 438) return answer;
    this.#nonce = answer.value(Attribute.nonce);
    this.stream.write(this.#request(method, write));
    return this.next();
  }

  #request(method: number, write: (builder: StunBuilder) => unknown): Uint8Array {
    const id = new Uint8Array(12).fill(++this.#asked);
    const builder = new StunBuilder().begin(MessageClass.request, method, id);
    write(builder);
    if (this.#nonce === undefined) return builder.bytes().slice();
    builder.attribute(Attribute.username, asciiBytes(alice.username)).text(Attribute.realm, alice.realm);
    return builder.attribute(Attribute.nonce, this.#nonce).integritySha1(primitives, key).bytes().slice();
  }

  #take(piece: Uint8Array): void {
    if (this.#isRaw) return void this.data.push(...piece);
    this.#frames.push(piece.slice());
    for (let bytes = this.#frames.next(); bytes instanceof Uint8Array; bytes = this.#frames.next()) {
      const message = new StunMessage();
      message.load(bytes.slice());
      this.#messages.push(message);
      if (message.method !== Method.connectionBind || errorCodeOf(message) !== undefined) continue;
      this.#isRaw = true;
      this.data.push(...this.#frames.rest());
    }
  }
}
