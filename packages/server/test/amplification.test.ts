import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText } from "@fractal-punch/machine";
import fc from "fast-check";
import { datagramsOf, mended } from "./test-datagrams.ts";
import { channelData, connectPair, type Introduced } from "./test-peers.ts";
import { at, type Sent, TestServer } from "./test-server.ts";

test("whatever comes from unproven addresses, none gets more bytes than came from it, and no third address any", () => {
  fc.assert(
    fc.property(fc.array(action, { minLength: 1, maxLength: 80 }), (actions) => {
      const server = new TestServer();
      const ledger = new Ledger(server, connectPair(server));
      for (const each of actions) ledger.act(each);
    }),
    { numRuns: 150 },
  );
});

test("each datagram, sent in another's name, brings that address no more bytes than it had", () => {
  const server = new TestServer();
  const pair = connectPair(server);
  for (const [name, bytes] of Object.entries(datagramsOf(server, pair))) {
    if (name === "binding") continue;
    const victim = at("203.0.113.66:53");
    const sent = server.receive(victim, bytes).filter(({ to }) => addressText(to) === addressText(victim));
    const sum = sent.reduce((total, datagram) => total + datagram.bytes.length, 0);
    assert(sum <= bytes.length, `${name}: ${sum} bytes for ${bytes.length}`);
  }
});

const action = fc.record({
  kind: fc.constantFrom("send", "send", "send", "mutate", "truncate", "relay", "data", "pass"),
  name: fc.nat(),
  from: fc.nat(3),
  offset: fc.nat(1231),
  byte: fc.nat(255),
  length: fc.nat(1228),
});

type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never;

/** What came from each of four addresses that prove nothing, and what the server sent to each. */
class Ledger {
  readonly #server: TestServer;
  readonly #pair: Introduced;
  readonly #received = new Map<string, number>();
  readonly #sent = new Map<string, number>();
  readonly #proven: ReadonlySet<string>;

  constructor(server: TestServer, pair: Introduced) {
    this.#server = server;
    this.#pair = pair;
    this.#proven = new Set([pair.host.address, pair.client.address].map(addressText));
  }

  act({ kind, name, from, offset, byte, length }: Action): void {
    const server = this.#server;
    const address = at(["192.0.2.9:6001", "198.51.100.7:5001", "203.0.113.66:53", "[2001:db8::66]:53"][from] ?? "");
    const { binding: _, ...datagrams } = datagramsOf(server, this.#pair);
    const all = Object.values(datagrams);
    const bytes = all[name % all.length] ?? new Uint8Array(0);
    switch (kind) {
      case "send":
        return this.#send(address, bytes);
      case "mutate": {
        const mutated = bytes.slice();
        mutated[offset % mutated.length] = byte;
        return this.#send(address, mended(mutated));
      }
      case "truncate":
        return this.#send(address, mended(bytes.subarray(0, offset % bytes.length)));
      case "data":
        return this.#send(address, channelData(0x4000 + (name & 0xfff), length));
      case "relay":
        for (const channel of this.#hostChannels) {
          this.#count(server.receive(this.#pair.host.address, channelData(channel, length)));
        }
        return;
      case "pass":
        this.#count(server.pass(offset * 10));
        this.#pair.host.refresh();
    }
  }

  /** Learnt from the Introduces that the host got. */
  readonly #hostChannels = new Set<number>();

  #send(address: ReturnType<typeof at>, bytes: Uint8Array): void {
    const text = addressText(address);
    this.#received.set(text, (this.#received.get(text) ?? 0) + bytes.length);
    this.#count(this.#server.receive(address, bytes));
  }

  #count(sent: readonly Sent[]): void {
    for (const { to, bytes } of sent) {
      const text = addressText(to);
      if (this.#proven.has(text)) {
        const channel = introducedChannel(bytes);
        if (channel !== undefined) this.#hostChannels.add(channel);
        continue;
      }
      const sum = (this.#sent.get(text) ?? 0) + bytes.length;
      this.#sent.set(text, sum);
      assert(sum <= (this.#received.get(text) ?? 0), `${text} got ${sum} bytes`);
    }
  }
}

/** The channel in an Introduce (type 0x0213): the attribute behind XOR-PEER-ADDRESS. */
function introducedChannel(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 60 || view.getUint16(0) !== 0x0213) return undefined;
  return view.getUint16(20 + 4 + view.getUint16(22) + 4);
}
