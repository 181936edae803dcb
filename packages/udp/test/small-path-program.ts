/**
 * Sends messages of several datagrams to a path that takes 1,280 bytes and to one that takes more, and prints what came of
 * it as JSON. To be run where 127.0.0.10 and fd09::10 are local and have such a path.
 */
import assert from "node:assert/strict";
import { type Address, addressWords, writeAddressWords } from "@fractal-punch/machine";
import { Arena, bindSocket, loadSystemCalls, SendBatch, type Sender, sendBatchBytes } from "@fractal-punch/udp/batch";
import { HopReader } from "./hop-reader.ts";
import { address, loopback4, loopback6 } from "./test-machine.ts";

export interface SmallPathReport {
  /** Which hops the datagrams came with. */
  readonly largeBySmall: number[];
  readonly smallBySmall: number[];
  readonly largeByWide: number[];
  /** How often datagrams left in messages, and one by one. */
  readonly together: number;
  readonly alone: number;
  readonly segments: boolean;
  readonly failures: readonly string[];
}

const manner = { ecn: 1, ttl: 9, isWhole: false, local: new Uint32Array(addressWords) };
const reports = [report(loopback4, address("127.0.0.10:0")), report(loopback6, address("[fd09::10]:0"))];
process.stdout.write(JSON.stringify(reports));

function report(wide: Address, small: Address): SmallPathReport {
  const calls = loadSystemCalls();
  assert.ok(typeof calls !== "string");
  const bound = bindSocket(calls, { family: wide.family, port: 0 });
  assert.ok(typeof bound !== "string" && bound.segments);
  const counts = { together: 0, alone: 0 };
  const failures: string[] = [];
  const sender: Sender = {
    fd: bound.fd,
    segments: true,
    keepWhole: () => undefined,
    wait: () => failures.push("had to wait"),
    failed: (code) => failures.push(code),
  };
  const counted: typeof calls = {
    ...calls,
    sendmmsg: (...message) => {
      const sent = calls.sendmmsg(...message);
      counts.together += Math.max(sent, 0);
      return sent;
    },
    sendmsg: (...message) => {
      counts.alone++;
      return calls.sendmsg(...message);
    },
  };
  const batch = new SendBatch(counted, new Arena(calls, sendBatchBytes));
  const [bySmall, byWide] = [new HopReader(small), new HopReader(wide)];
  const came = (reader: HopReader, length: number): number[] => {
    const to = new Uint32Array(addressWords);
    writeAddressWords(to, 0, reader.local);
    for (let i = 0; i < 3; i++) batch.copy(sender, to, 0, manner, new Uint8Array(length));
    batch.flush();
    return reader.read(3).map(({ hops }) => hops);
  };
  return {
    largeBySmall: came(bySmall, 1_400),
    smallBySmall: came(bySmall, 1_200),
    largeByWide: came(byWide, 1_400),
    ...counts,
    segments: sender.segments,
    failures,
  };
}
