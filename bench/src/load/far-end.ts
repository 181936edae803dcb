/** A program of the bench: a UDP service. It takes datagrams, and answers every 16th to where it came from, with its stamp. */
import { addressText } from "@fractal-punch/machine";
import { stampBytes } from "./lane.ts";
import { Line, loadIp, plainManner } from "./line.ts";
import { LineIo } from "./line-io.ts";

const answerEvery = 16;
const pollMs = 1_000;

const io = new LineIo();
const line = new Line(io, 0);
let count = 0;
line.onMessage = (start, end, segmentBytes) => {
  for (let at = start; at < end; at += segmentBytes) {
    count++;
    if (count % answerEvery !== 0 || at + stampBytes > end) continue;
    const answer = io.arena.bytes.slice(at, at + stampBytes);
    new DataView(answer.buffer).setUint32(0, count);
    io.outgoing.copy(line, io.received.from, 0, plainManner, answer);
  }
  io.outgoing.flush();
};
console.log(JSON.stringify({ event: "listening", address: addressText({ family: 4, ip: loadIp, port: line.port }) }));
const parent = process.ppid;
while (process.ppid === parent) io.poller.poll(pollMs);
