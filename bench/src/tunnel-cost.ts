/**
 * A program of the bench: what one datagram of a local program costs the two ends of a tunnel besides sockets and machines:
 * its flow, the framing, the connection. Prints one line of JSON.
 */
import { Connection } from "@fractal-punch/peer";
import { maxDatagramBytes } from "@fractal-punch/wire";
import { TunnelEnd } from "fractal-punch/tunnel-end";
import { median } from "./figures.ts";
import { cpuMicros, Meter } from "./meter.ts";

const rounds = 200;
const batch = 1_000;
/** The largest that goes whole, and one that is cut in two. */
const wholeBytes = maxDatagramBytes - 3;
const cutBytes = 1_200;

interface Cost {
  readonly sendMicros: number;
  readonly receiveMicros: number;
}

function costOf(lengthBytes: number): Cost {
  const data = new Uint8Array(lengthBytes).fill(7);
  const slots = Array.from({ length: 2 * batch }, () => new Uint8Array(maxDatagramBytes));
  let carried: Uint8Array[] = [];
  const carry = (bytes: Uint8Array): void => {
    const slot = slots[carried.length]?.subarray(0, bytes.length);
    slot?.set(bytes);
    if (slot) carried.push(slot);
  };
  const [here, there] = [newConnection(carry), newConnection(carry)];
  const [sender, receiver] = [new TunnelEnd(here, warn), new TunnelEnd(there, warn)];
  let joined = 0;
  there.lendTo((bytes) => {
    if (receiver.join(bytes, performance.now())?.data.length === lengthBytes) joined++;
  });
  const [sending, receiving] = [new Meter(cpuMicros), new Meter(cpuMicros)];
  for (let round = 0; round < rounds; round++) {
    carried = [];
    sending.measure(batch, () => {
      for (let i = 0; i < batch; i++) sender.send(1, data);
    });
    receiving.measure(batch, () => {
      for (const bytes of carried) there.take({ type: "data", session: 1, data: bytes, via: "direct", early: false });
    });
  }
  if (joined !== rounds * batch) throw new Error(`${joined} of ${rounds * batch} datagrams came through the tunnel`);
  return { sendMicros: median(sending.each), receiveMicros: median(receiving.each) };
}

function newConnection(send: (bytes: Uint8Array) => void): Connection {
  return new Connection({ send, close: () => Promise.resolve(), status: () => undefined }, { peer: "" });
}

function warn(_key: string, message: string): void {
  throw new Error(message);
}

const whole = costOf(wholeBytes);
const cut = costOf(cutBytes);
const measured = {
  sendMicros: whole.sendMicros,
  receiveMicros: whole.receiveMicros,
  sendCutMicros: cut.sendMicros,
  receiveCutMicros: cut.receiveMicros,
};
console.log(JSON.stringify({ event: "measured", ...measured }));
