/**
 * A program of the bench: what one datagram of 1,200 bytes costs a session's two machines, sealing and opening included,
 * sockets not. Prints one line of JSON.
 */
import { noInfo } from "@fractal-punch/machine";
import { loadPrimitives } from "@fractal-punch/peer/sodium";
import { maxDatagramBytes, sealedOverhead } from "@fractal-punch/wire";
import { median } from "./figures.ts";
import { type MemorySession, openMemorySession } from "./memory-session.ts";
import { cpuMicros, Meter, usedBytes } from "./meter.ts";

const rounds = 200;
const batch = 1_000;
/** So few that they have come and gone before the garbage is collected. */
const countedRounds = 21;
const countedBatch = 100;
/** 50,000 datagrams a second. */
const gapMs = 0.02;

const key = new Uint8Array(32);
const header = new Uint8Array(16);
const sealed = new Uint8Array(maxDatagramBytes + 17);
const plain = sealed.subarray(0, maxDatagramBytes + 1);

class Burst {
  readonly #session: MemorySession;
  readonly #slots = Array.from({ length: batch }, () => new Uint8Array(maxDatagramBytes + 1 + sealedOverhead));
  readonly #data = new Uint8Array(maxDatagramBytes).fill(7);
  #sent = 0;
  received = 0;

  constructor(session: MemorySession) {
    this.#session = session;
  }

  /** `count` datagrams from one to the other, each end measured for itself. */
  pass(count: number, sending: Meter, receiving: Meter): void {
    const { net, client, host } = this.#session;
    this.#sent = 0;
    client.onSend = (bytes) => this.#slots[this.#sent++]?.set(bytes);
    host.onEvent = ({ type }) => void (this.received += type === "data" ? 1 : 0);
    sending.measure(count, () => this.#send(count));
    const { address } = client;
    const [port = 0] = host.openPorts;
    const arrived = this.#slots.slice(0, this.#sent);
    receiving.measure(count, () => {
      for (const bytes of arrived) {
        host.machine.receive(net.now, port, address, bytes, noInfo, host);
        host.machine.nextWake();
        net.now += gapMs;
      }
    });
    client.onSend = undefined;
    host.onEvent = undefined;
    net.now = Math.ceil(net.now);
    net.pass(10);
  }

  #send(count: number): void {
    const { net, client } = this.#session;
    for (let i = 0; i < count; i++) {
      client.machine.command(net.now, { type: "send", session: 1, data: this.#data }, client);
      client.machine.nextWake();
      net.now += gapMs;
    }
  }
}

const { primitives } = await loadPrimitives();
const burst = new Burst(openMemorySession(primitives));
const cipher = new Meter(cpuMicros);
const micros = [new Meter(cpuMicros), new Meter(cpuMicros)] as const;
for (let i = 0; i < rounds; i++) {
  burst.pass(batch, ...micros);
  cipher.measure(batch, () => seal(batch));
}
const bytes = [new Meter(usedBytes), new Meter(usedBytes)] as const;
for (let i = 0; i < countedRounds; i++) burst.pass(countedBatch, ...bytes);
const sent = rounds * batch + countedRounds * countedBatch;
if (burst.received !== sent) throw new Error(`${burst.received} of ${sent} datagrams came out of the session`);
const measured = {
  cipherMicros: median(cipher.each),
  sendMicros: median(micros[0].each),
  receiveMicros: median(micros[1].each),
  sendBytes: median(bytes[0].each),
  receiveBytes: median(bytes[1].each),
};
console.log(JSON.stringify({ event: "measured", ...measured }));

/** What both ends cannot do without. */
function seal(count: number): void {
  for (let i = 0; i < count; i++) primitives.seal(key, i, header, plain, sealed);
}
