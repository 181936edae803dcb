/** One request to a server, repeated until it is answered or given up (RFC 8489 section 6.2.1, with our own times). */
import type { Address, Deadline, PortId } from "@fractal-punch/machine";
import type { StunMessage } from "@fractal-punch/wire";
import { newTransactionId, type Out, type PeerContext, type Sleeper } from "./context.ts";
import { longestTimeoutMs } from "./timing.ts";

export interface TransactionRequest {
  readonly port: PortId;
  readonly to: Address;
  /** Writes the message; called for each repeat. */
  encode(transactionId: Uint8Array): Uint8Array;
  /** The first timeout; doubled at each repeat. */
  readonly timeoutMs: number;
  /** How long to go on. */
  readonly patienceMs: number;
  answered(now: number, message: StunMessage, out: Out): void;
  givenUp(now: number, out: Out): void;
}

export class Transaction implements Sleeper {
  readonly id: Uint8Array;
  readonly #context: PeerContext;
  readonly #request: TransactionRequest;
  readonly #deadline: Deadline<Sleeper>;
  #timeoutMs: number;
  #startedAtMs = 0;
  #sends = 0;

  constructor(context: PeerContext, request: TransactionRequest) {
    this.id = newTransactionId(context);
    this.#context = context;
    this.#request = request;
    this.#timeoutMs = request.timeoutMs;
    this.#deadline = context.deadlines.create(this, "request");
  }

  start(now: number, out: Out): void {
    this.#startedAtMs = now;
    this.#send(now, out);
  }

  stop(): void {
    this.#context.deadlines.clear(this.#deadline);
  }

  /** The round trip, when only one request went out, so that the answer is surely its own (Karn's rule). */
  rttMs(now: number): number | undefined {
    return this.#sends === 1 ? now - this.#startedAtMs : undefined;
  }

  answered(now: number, message: StunMessage, out: Out): void {
    this.stop();
    this.#request.answered(now, message, out);
  }

  wake(now: number, _reason: string, out: Out): void {
    if (now - this.#startedAtMs >= this.#request.patienceMs) this.#request.givenUp(now, out);
    else this.#send(now, out);
  }

  #send(now: number, out: Out): void {
    this.#sends++;
    out.send(this.#request.port, this.#request.to, this.#request.encode(this.id));
    this.#context.deadlines.set(this.#deadline, now + this.#timeoutMs);
    this.#timeoutMs = Math.min(2 * this.#timeoutMs, longestTimeoutMs);
  }
}
