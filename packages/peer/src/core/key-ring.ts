/** The generations of a session's keys: the one in use, the one before it for ten seconds, and one agreed but not used yet. */
import type { Frame } from "@fractal-punch/wire";
import type { PeerContext } from "./context.ts";
import type { KeyPair } from "./noise.ts";
import { RekeyAnswer, RekeyStart } from "./rekey.ts";
import type { Session } from "./session.ts";
import type { SessionKeys } from "./session-keys.ts";
import type { SessionTable } from "./session-table.ts";
import { oldKeysMs, rekeyMs, rekeyRepeatMs } from "./timing.ts";

type SendFrame = (frame: Frame) => void;

/** Keys of a handshake that the client may not have finished. */
interface Offer {
  readonly keys: SessionKeys;
  /** The packet with the second message. */
  readonly packet: Uint8Array;
}

export class KeyRing {
  current: SessionKeys | undefined;
  #previous: SessionKeys | undefined;
  #next: SessionKeys | undefined;
  #offer: Offer | undefined;
  #start: RekeyStart | undefined;
  #answer: RekeyAnswer | undefined;
  #startAtMs = Infinity;
  #answerAgainAtMs = -Infinity;
  readonly #context: PeerContext;
  readonly #table: SessionTable;
  readonly #session: Session;
  readonly #own: KeyPair;

  constructor(context: PeerContext, table: SessionTable, session: Session, own: KeyPair) {
    this.#context = context;
    this.#table = table;
    this.#session = session;
    this.#own = own;
  }

  /** When something is due: a rekey, or the end of old keys. */
  get dueAtMs(): number {
    return Math.min(this.#startAtMs, this.#previous?.expiresAtMs ?? Infinity);
  }

  /** The keys to seal with; `undefined` when there are none, or they are too old. */
  sealing(now: number): SessionKeys | undefined {
    return this.current?.canSeal(now) ? this.current : undefined;
  }

  /** Takes keys into use; those before them open packets for ten seconds more. */
  install(now: number, keys: SessionKeys): void {
    if (this.#previous) this.#table.drop(this.#previous);
    this.#previous = this.current;
    if (this.#previous) this.#previous.expiresAtMs = now + oldKeysMs;
    this.current = keys;
    this.#table.add(this.#session, keys);
    if (this.#next === keys) this.#next = undefined;
    this.#start = undefined;
    this.#startAtMs = this.#session.role === "client" ? now + rekeyMs : Infinity;
  }

  /**
   * The host's end of a handshake. Keys that still seal stay in use until the client shows that it has the new ones: it
   * could read nothing else, and for whoever only repeated its first message nothing changes.
   */
  offer(now: number, keys: SessionKeys, packet: Uint8Array): void {
    this.#offer = { keys, packet };
    this.#setNext(keys);
    if (!this.sealing(now)) return this.install(now, keys);
    this.#answerAgainAtMs = now + oldKeysMs;
  }

  /** At the host's end: the packet with the second message, as long as the client has not used its keys. */
  get offered(): Uint8Array | undefined {
    return this.#offer?.packet;
  }

  /** A packet came under these keys: if they are the next ones, the client has them too, so they are in use now. */
  used(now: number, keys: SessionKeys): void {
    if (keys === this.#offer?.keys) this.#offer = undefined;
    if (keys === this.#next) this.install(now, keys);
  }

  receive(now: number, frame: Frame & { kind: "rekey-first" | "rekey-second" }, send: SendFrame): void {
    if (frame.kind === "rekey-first" && this.#session.role === "host") this.#answerTo(now, frame.message, send);
    if (frame.kind !== "rekey-second") return;
    const keys = this.#start?.finish(this.#context, frame.message, now);
    if (!keys) return;
    this.install(now, keys);
    send({ kind: "nothing" });
  }

  /** True when the client's keys have just become too old to ask for new ones under. */
  wake(now: number, send: SendFrame): boolean {
    if (this.#previous && now >= this.#previous.expiresAtMs) {
      this.#table.drop(this.#previous);
      this.#previous = undefined;
    }
    if (now < this.#startAtMs) return false;
    if (!this.sealing(now)) {
      this.#startAtMs = Infinity;
      return true;
    }
    this.#start ??= RekeyStart.begin(this.#context, this.#own, this.#session.remoteKey, this.#table.newIndex());
    if (this.#start) send({ kind: "rekey-first", message: this.#start.message });
    this.#startAtMs = now + rekeyRepeatMs;
    return false;
  }

  clear(): void {
    for (const keys of [this.current, this.#previous, this.#next]) if (keys) this.#table.drop(keys);
    this.current = undefined;
    this.#previous = undefined;
    this.#next = undefined;
    this.#offer = undefined;
    this.#start = undefined;
    this.#answer = undefined;
    this.#startAtMs = Infinity;
  }

  #answerTo(now: number, first: Uint8Array, send: SendFrame): void {
    const answer = this.#answer?.answers(first) ? this.#answer : this.#newAnswer(now, first);
    if (answer) send({ kind: "rekey-second", message: answer.message });
  }

  /** A handshake costs ten times what a packet does, so a client gets no more than one a second. */
  #newAnswer(now: number, first: Uint8Array): RekeyAnswer | undefined {
    if (now < this.#answerAgainAtMs) return undefined;
    this.#answerAgainAtMs = now + rekeyRepeatMs;
    const index = this.#table.newIndex();
    const answer = RekeyAnswer.to(first, this.#context, this.#own, this.#session.remoteKey, index, now);
    if (!answer) return undefined;
    this.#answer = answer;
    this.#offer = undefined;
    this.#setNext(answer.keys);
    return answer;
  }

  #setNext(keys: SessionKeys): void {
    if (this.#next) this.#table.drop(this.#next);
    this.#next = keys;
    this.#table.add(this.#session, keys);
  }
}
