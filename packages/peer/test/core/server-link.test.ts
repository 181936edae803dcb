import assert from "node:assert/strict";
import { test } from "node:test";
import { Recorder } from "@fractal-punch/machine";
import type { PeerEvent } from "@fractal-punch/peer/core";
import { encodeBound, StunBuilder, StunMessage } from "@fractal-punch/wire";
import type { ServerLink } from "../../dist/core/server-link.js";
import { at, testContext, unwatchedLink } from "./test-context.ts";

const secondPort = 3478;
const [home, elsewhere] = ["45.0.0.2", "45.0.0.9"];

test("a socket that both ports of the server see alike is behind a stable mapping, otherwise behind a varying one", () => {
  for (const [port, mapping] of [
    [40_000, "stable"],
    [40_001, "varying"],
  ] as const) {
    const line = new Line();
    line.seenBySecond(line.asked(), `${home}:40000`);
    line.seen(`${home}:${port}`);
    line.seenBySecond(line.askedAgain(), `${home}:40000`);
    assert.equal(line.mapping, mapping);
  }
});

test("a mapping that was stable stays so when it is made anew under another port, but not under another address", () => {
  const line = new Line();
  line.seen(`${home}:40000`);
  line.seenBySecond(line.asked(), `${home}:40000`);
  assert.equal(line.mapping, "stable");
  line.seen(`${home}:52344`);
  line.seenBySecond(line.askedAgain(), `${home}:40000`);
  assert.equal(line.mapping, "stable");
  line.seen(`${elsewhere}:40000`);
  line.seenBySecond(line.askedAgain(), `${elsewhere}:40777`);
  assert.equal(line.mapping, "varying");
});

test("what the second port saw before the first has answered is asked for again, if it is another address", () => {
  const line = new Line();
  line.seenBySecond(line.asked(), `${elsewhere}:40000`);
  line.seen(`${home}:40000`);
  assert.equal(line.mapping, "unknown");
  line.seenBySecond(line.askedAgain(), `${home}:40000`);
  assert.equal(line.mapping, "stable");
});

/** A link, and what its server says. */
class Line {
  readonly #link: ServerLink = unwatchedLink(testContext(), 1);
  readonly #out = new Recorder<PeerEvent>();

  get mapping(): string {
    return this.#link.mapping([]);
  }

  /** Asks on the second port; gives the transaction id. */
  asked(): Uint8Array {
    this.#link.profile(0, secondPort, this.#out);
    return this.askedAgain();
  }

  /** The transaction id of the question that is on its way to the second port; an empty one when there is none. */
  askedAgain(): Uint8Array {
    const sends = this.#out.take().filter((effect) => effect.type === "send");
    const question = sends.find(({ to }) => to.port === secondPort);
    return question?.bytes.slice(8, 20) ?? new Uint8Array(0);
  }

  seen(address: string): void {
    this.#link.learn(0, at(address), undefined, this.#out);
  }

  seenBySecond(transactionId: Uint8Array, address: string): void {
    if (transactionId.length === 0) return;
    const message = new StunMessage();
    assert.equal(message.load(encodeBound(new StunBuilder(), transactionId, at(address)).slice()), undefined);
    assert.ok(this.#link.receive(0, message, this.#out));
  }
}
