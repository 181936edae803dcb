import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { Machine, type RunningCommand, textOf } from "./running-command.ts";
import { startServer } from "./running-server.ts";

test("connect --udp carries two local senders' datagrams to the host's service and back, apart", async (t) => {
  const { port } = await tunnel(t);
  const [first, second] = [await localSocket(t), await localSocket(t)];
  for (let round = 0; round < 20; round++) {
    for (const [sender, text] of [
      [first, `first ${round}`],
      [second, `second ${round}`],
    ] as const) {
      sender.send(text, port, "127.0.0.1");
      const [data]: Buffer[] = await once(sender, "message");
      assert.equal(String(data), `echo of ${text}`);
    }
  }
});

test("datagrams of 1,392 and 4,000 bytes go through whole, and empty ones too", async (t) => {
  const { port } = await tunnel(t);
  const sender = await localSocket(t);
  for (const length of [1392, 1200, 1187, 4000, 4752, 0, 1]) {
    const sent = Buffer.from(Uint8Array.from({ length }, (_, index) => index * 31));
    sender.send(sent, port, "127.0.0.1");
    const [data]: Buffer[] = await once(sender, "message");
    assert.deepEqual(data, Buffer.concat([Buffer.from("echo of "), sent]), `${length} bytes`);
  }
});

test("a datagram that is too large is dropped with a warning, and the next one goes through", async (t) => {
  const { port, connect } = await tunnel(t);
  const sender = await localSocket(t);
  sender.send(new Uint8Array(5737), port, "127.0.0.1");
  sender.send("small", port, "127.0.0.1");
  const [data]: Buffer[] = await once(sender, "message");
  assert.equal(String(data), "echo of small");
  assert.match(
    textOf(await connect.event("warning"), "message"),
    /5737 bytes is larger than the tunnel takes \((4760|5736) bytes\)/,
  );
});

test("ping works against a host that offers a UDP service", async (t) => {
  const { client, invite } = await tunnel(t);
  const ended = await client.run(["ping", invite, "--count", "2", "--interval", "0.05", "--json"]);
  assert.equal(ended.code, 0, ended.stdout + ended.stderr);
});

test("a service that is not there is told of on the host, and served when it comes", async (t) => {
  const reserved = await localSocket(t);
  const servicePort = reserved.address().port;
  reserved.close();
  const { port, host } = await tunnel(t, servicePort);
  const sender = await localSocket(t);
  sender.send("nobody hears this", port, "127.0.0.1");
  assert.match(textOf(await host.event("warning"), "message"), /Nothing listens on UDP 127\.0\.0\.1:/);
  await echoService(t, servicePort);
  sender.send("hello", port, "127.0.0.1");
  const [data]: Buffer[] = await once(sender, "message");
  assert.equal(String(data), "echo of hello");
});

test("connect says why it cannot listen, and what to do", async (t) => {
  const taken = `127.0.0.1:${(await localSocket(t)).address().port}`;
  const cases: [string, RegExp][] = [
    [taken, /^Cannot listen on UDP 127\.0\.0\.1:\d+: another program uses this port\. End that program/],
    ["192.0.2.1:5000", /^Cannot listen on UDP 192\.0\.2\.1:5000: this machine does not have that address\. Choose/],
  ];
  for (const [at, sentence] of cases) {
    const ended = await new Machine(t).run(["connect", "fp1-unread", "--udp", at, "--json"]);
    assert.equal(ended.code, 2);
    const { code, message } = JSON.parse(ended.stdout);
    assert.equal(code, "USAGE");
    assert.match(message, sentence);
  }
});

test("connect finds the host again after it was restarted", async (t) => {
  const { port, connect, host, hostMachine, servicePort } = await tunnel(t);
  await host.signal("SIGTERM");
  await connect.event("closed");
  const again = hostMachine.start(["host", "--udp", `127.0.0.1:${servicePort}`, "--json"]);
  await again.event("registered");
  await connect.event("connected");
  const sender = await localSocket(t);
  sender.send("still here?", port, "127.0.0.1");
  const [data]: Buffer[] = await once(sender, "message");
  assert.equal(String(data), "echo of still here?");
});

test("SIGINT ends connect with 130, SIGTERM with 0", async (t) => {
  const { client, invite, connect } = await tunnel(t);
  assert.equal((await connect.signal("SIGINT")).code, 130);
  const other = client.start(["connect", invite, "--udp", "127.0.0.1:0", "--json"]);
  await other.event("connected");
  assert.equal((await other.signal("SIGTERM")).code, 0);
});

interface Tunnel {
  readonly hostMachine: Machine;
  readonly host: RunningCommand;
  readonly client: Machine;
  readonly connect: RunningCommand;
  readonly invite: string;
  readonly port: number;
  readonly servicePort: number;
}

/** A server, a host that offers an echo service (unless its port is given), and a client that is connected to it. */
async function tunnel(t: TestContext, givenPort?: number): Promise<Tunnel> {
  const servicePort = givenPort ?? (await echoService(t)).address().port;
  const hostMachine = new Machine(t);
  const client = new Machine(t);
  await startServer(hostMachine);
  const host = hostMachine.start(["host", "--udp", `127.0.0.1:${servicePort}`, "--json"]);
  const invite = textOf(await host.event("registered"), "invite");
  const connect = client.start(["connect", invite, "--udp", "127.0.0.1:0", "--json"]);
  const port = Number(
    textOf(await connect.event("listening"), "address")
      .split(":")
      .at(-1),
  );
  await connect.event("connected");
  return { hostMachine, host, client, connect, invite, port, servicePort };
}

async function echoService(t: TestContext, port = 0): Promise<Socket> {
  const socket = await localSocket(t, port);
  socket.on("message", (data, from) =>
    socket.send(Buffer.concat([Buffer.from("echo of "), data]), from.port, from.address),
  );
  return socket;
}

async function localSocket(t: TestContext, port = 0): Promise<Socket> {
  const socket = createSocket("udp4");
  let open = true;
  socket.once("close", () => (open = false));
  t.after(() => open && socket.close());
  socket.bind(port, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}
