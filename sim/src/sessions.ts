/** How much memory a session takes, with both its ends, its routers and its share of the server, in one world. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Crowd } from "./crowd.ts";

const clientsPerHost = 100;
const datagrams = 5;
/** For a client, its router, its sockets, the host's half and the server's channels, in a world of their own. */
const barKib = 64;

/** Connects `count` clients and lets them send; gives what was seen, in one line. */
export function measureSessions(count: number): string {
  const collect = garbageCollector();
  const crowd = new Crowd(1, Math.ceil(count / clientsPerHost));
  const before = usedKib(collect);
  const startedAt = performance.now();
  crowd.connect(count);
  for (let number = 0; number < datagrams; number++) crowd.send(number);
  const seconds = (performance.now() - startedAt) / 1000;
  const afterFirst = usedKib(collect);
  for (let number = 0; number < datagrams; number++) crowd.send(number);
  const [each, more] = [(afterFirst - before) / count, (usedKib(collect) - afterFirst) / count];
  const delivered = (100 * crowd.received.length) / (2 * datagrams * count);
  return (
    `${count} sessions: ${delivered.toFixed(1)} % of their datagrams delivered; ${each.toFixed(1)} KiB a session (bar ${barKib}), ` +
    `${more.toFixed(1)} KiB more after as many datagrams again; ${seconds.toFixed(1)} s`
  );
}

function usedKib(collect: () => void): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1024;
}

function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("this Node has no gc() to call");
  return () => void collect();
}
