/** An uplink without a peer around it, and what its server would say. */
import assert from "node:assert/strict";
import { type Address, addressText, type Effect, Recorder } from "@fractal-punch/machine";
import type { PeerEvent } from "@fractal-punch/peer/core";
import { encodeBinding, encodeBound, encodeChannelData, StunBuilder, StunMessage } from "@fractal-punch/wire";
import { Sockets } from "../../dist/core/sockets.js";
import { type TlsOptions } from "../../dist/core/tls-stream.js";
import { Uplink } from "../../dist/core/uplink.js";
import { at, testContext } from "./test-context.ts";

export const server4: Address = at("192.0.2.1:48800");
export const server6: Address = at("[2001:db8::1]:48800");
export const tls: TlsOptions = { port: 443, name: "punch.example.com", keyHash: new Uint8Array(32).fill(7) };
export const tlsPort = 3;
/** Of 37 bytes. */
export const channelData: Uint8Array = encodeChannelData(0x4001, new Uint8Array(33), false);

/** An uplink over open sockets, with its time. */
export class Way {
  now = 1000;
  changes = 0;
  readonly out: Recorder<PeerEvent> = new Recorder();
  readonly uplink: Uplink;
  readonly #context = testContext();
  readonly #sockets = new Sockets();
  #asked = 0;

  constructor(servers: readonly Address[], knowsTls = true) {
    const owner = {
      addressKnown: () => undefined,
      addressChanged: () => undefined,
      serverRestarted: () => undefined,
      serverSilent: () => undefined,
      wayChanged: () => void this.changes++,
    };
    this.#sockets.open(this.#context, owner, servers, this.out);
    for (const link of this.#sockets.links) this.#sockets.opened(link.port, at("192.168.1.2:40000"));
    this.uplink = new Uplink(this.#context, owner, this.#sockets, knowsTls ? tls : undefined, tlsPort);
    this.out.take();
  }

  take(): Effect<PeerEvent>[] {
    return this.out.take();
  }

  request(): Uint8Array {
    return encodeBinding(new StunBuilder(), new Uint8Array(12).fill(++this.#asked), false).slice();
  }

  send(port: number, to: Address, bytes: Uint8Array): void {
    this.uplink.through(this.now, this.out).send(port, to, bytes);
  }

  /** A request of one of the sockets; gives it. */
  ask(port: 1 | 2): Uint8Array {
    const bytes = this.request();
    this.send(port, port === 1 ? server4 : server6, bytes);
    this.out.take();
    return bytes;
  }

  hear(bytes: Uint8Array, from = "192.0.2.1:48800"): void {
    this.uplink.heard(this.now, this.#sockets.link(1), at(from), bytes, this.out);
  }

  /** The answer to a request, by UDP. */
  answer(request: Uint8Array, from?: string): void {
    this.hear(boundBytes(request.slice(8, 20)), from);
    this.out.take();
  }

  /** Lets time pass, with every wake-up at its moment; gives what came of it. */
  pass(ms: number): Effect<PeerEvent>[] {
    const end = this.now + ms;
    const { deadlines } = this.#context;
    for (let due = deadlines.next(); due <= end; due = deadlines.next()) {
      this.now = Math.max(this.now, due);
      deadlines.takeDue(this.now, ({ owner, reason }) => owner.wake(this.now, reason, this.out));
    }
    this.now = end;
    return this.out.take();
  }

  /** Waits for a dial; gives where to. */
  untilDial(): string {
    for (let i = 0; i < 20_000; i++) {
      const dial = this.pass(1).find(({ type }) => type === "open-port");
      if (dial?.type === "open-port" && dial.request.remote) return addressText(dial.request.remote);
    }
    throw new Error("nothing was dialled in 20 s");
  }

  /** A request that is not answered, and the TLS connection that follows. */
  onTls(): this {
    if (this.changes === 0) {
      this.ask(1);
      this.untilDial();
    }
    this.uplink.opened(this.now, at("192.168.1.2:50000"), this.out);
    this.out.take();
    return this;
  }

  /** Waits for the next question by UDP; gives it. */
  probe(): Uint8Array {
    for (let i = 0; i < 20_000; i++) {
      const probe = this.pass(1).find(({ type }) => type === "send");
      if (probe?.type === "send") return probe.bytes;
    }
    throw new Error("UDP was not asked in 20 s");
  }

  probesUntil(ms: number): void {
    for (const effect of this.pass(ms)) assert.equal(effect.type, "send");
  }

  portsOfRelayed(): number[] {
    this.send(1, server4, channelData);
    return this.take().map((effect) => (effect.type === "send" ? effect.port : -1));
  }
}

export function boundBytes(transactionId: Uint8Array): Uint8Array {
  const bytes = encodeBound(new StunBuilder(), transactionId, at("203.0.113.9:40000")).slice();
  assert.equal(new StunMessage().load(bytes), undefined);
  return bytes;
}

export function typesOf(effects: readonly Effect<PeerEvent>[]): string[] {
  return effects.map(({ type }) => type);
}
