import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Address, sameAddress } from "@fractal-punch/machine";
import { type DriverKind, UdpSocket } from "@fractal-punch/udp";
import { withoutBatch } from "./batch-support.ts";
import { hasIp6, loopback4, loopback6, text } from "./test-machine.ts";

interface Manner {
  /** Instead of being heard, a datagram is answered. */
  readonly answer?: (socket: UdpSocket, from: Address, bytes: Uint8Array) => void;
  readonly driver?: DriverKind;
}

class TestSocket {
  readonly socket: UdpSocket;
  readonly #heard: string[] = [];
  #wake = (): void => {};

  constructor(t: TestContext, at: Address, { answer, ...driver }: Manner = {}) {
    const socket = UdpSocket.open({
      request: { family: at.family, local: at, port: at.port },
      onDatagram: (from, bytes) => {
        if (answer === undefined) this.#hear(Buffer.from(bytes).toString());
        else answer(this.socket, from, bytes);
      },
      onFault: (code) => this.#hear(code),
      ...driver,
    });
    if (typeof socket === "string") throw new Error(socket);
    this.socket = socket;
    t.after(() => socket.close());
  }

  /** The next datagram's text, or the next fault. */
  async next(): Promise<string> {
    for (;;) {
      const first = this.#heard.shift();
      if (first !== undefined) return first;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #hear(what: string): void {
    this.#heard.push(what);
    this.#wake();
  }
}

for (const [name, local] of [
  ["IPv4", loopback4],
  ["IPv6", loopback6],
] as const) {
  const skip = local.family === 6 && !hasIp6;

  test(`what is sent in one turn arrives in order, and so do the answers, over ${name}`, { skip }, async (t) => {
    const echo = new TestSocket(t, local, { answer: (socket, from, bytes) => socket.send(from, bytes) });
    const client = new TestSocket(t, local);
    const bytes = new Uint8Array(1_192);
    const texts = Array.from({ length: 30 }, (_, i) => `${i}`.padEnd(i % 7 === 0 ? 900 : 1_192));
    for (const sent of texts) {
      const { written } = new TextEncoder().encodeInto(sent, bytes);
      client.socket.send(echo.socket.local, bytes.subarray(0, written));
    }
    bytes.fill(0);
    for (const sent of texts) assert.equal(await client.next(), sent);
  });

  test(`a connected socket tells that nothing listens, and goes on when something does, over ${name}`, {
    skip,
  }, async (t) => {
    const reserved = new TestSocket(t, local).socket;
    reserved.close();
    const client = new TestSocket(t, local);
    client.socket.connect(reserved.local);
    client.socket.send(reserved.local, text("nobody hears this"));
    assert.equal(await client.next(), "ECONNREFUSED");
    const service = new TestSocket(t, reserved.local, { answer: (socket, from, bytes) => socket.send(from, bytes) });
    client.socket.send(service.socket.local, text("hello"));
    assert.equal(await client.next(), "hello");
  });
}

test("a connected socket hears from there only", async (t) => {
  const there = new TestSocket(t, loopback4, { answer: (socket, from) => socket.send(from, text("from there")) });
  const other = new TestSocket(t, loopback4);
  const client = new TestSocket(t, loopback4);
  client.socket.connect(there.socket.local);
  other.socket.send(client.socket.local, text("from elsewhere"));
  client.socket.send(there.socket.local, text("?"));
  assert.equal(await client.next(), "from there");
});

test("a burst to where nothing listens is refused, and the next one arrives whole", {
  skip: withoutBatch,
}, async (t) => {
  const reserved = new TestSocket(t, loopback4).socket;
  reserved.close();
  const client = new TestSocket(t, loopback4, { driver: "batch" });
  client.socket.connect(reserved.local);
  for (let i = 0; i < 40; i++) client.socket.send(reserved.local, text("nobody hears this"));
  assert.equal(await client.next(), "ECONNREFUSED");
  const service = new TestSocket(t, reserved.local);
  const texts = Array.from({ length: 40 }, (_, i) => `hello ${i}`);
  for (const sent of texts) client.socket.send(reserved.local, text(sent));
  for (const sent of texts) assert.equal(await service.next(), sent);
});

test("a port that is taken is told by the system's word", (t) => {
  const { local } = new TestSocket(t, loopback4).socket;
  const second = UdpSocket.open({
    request: { family: 4, local, port: local.port },
    onDatagram: () => {},
    onFault: () => {},
  });
  assert.equal(second, "EADDRINUSE");
});

test("a socket that is closed sends nothing, and its port is free", async (t) => {
  const closed = new TestSocket(t, loopback4).socket;
  const listener = new TestSocket(t, loopback4);
  closed.close();
  closed.send(listener.socket.local, text("too late"));
  closed.close();
  const heir = new TestSocket(t, closed.local).socket;
  assert.ok(sameAddress(heir.local, closed.local));
  heir.send(listener.socket.local, text("in time"));
  assert.equal(await listener.next(), "in time");
});
