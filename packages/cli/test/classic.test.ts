/** Programs that speak the classic protocols (old-programs), unchanged, with the built server. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Machine, type RunningCommand, textOf } from "./running-command.ts";
import { type RunningServer, startServer, startTcpServer } from "./running-server.ts";

/** Two machines, where the system has more than one address for loopback. */
const [cloudIp, clientIp] = process.platform === "darwin" ? ["127.0.0.1", "127.0.0.1"] : ["127.0.0.2", "127.0.0.3"];
const publicPort = "32262";

test("generation 1: a VM, and then the client that wants it, are told of each other and talk", async (t) => {
  const old = await OldWorld.start(t);
  const cloud = old.cloud("generation-1", "10.0.0.5V");
  const cloudPort = await portOf(cloud, "requested");
  const client = old.client("generation-1", `${cloudIp}C`);
  await expectGeneration1(old, cloud, cloudPort, client, await portOf(client, "requested"));
});

test("generation 1: a client, and then the VM that it wants, are told of each other and talk", async (t) => {
  const old = await OldWorld.start(t);
  const client = old.client("generation-1", `${cloudIp}C`);
  const clientPort = await portOf(client, "requested");
  const cloud = old.cloud("generation-1", "V");
  await expectGeneration1(old, cloud, await portOf(cloud, "requested"), client, clientPort);
});

test("generation 2 over UDP: a cloud computer posts, a client asks for it, and both talk", async (t) => {
  const old = await OldWorld.start(t);
  const cloud = old.cloud("generation-2-udp", "post", publicPort);
  const cloudPort = await portOf(cloud, "posted");
  const client = old.client("generation-2-udp", "ask", cloudIp, publicPort);
  const clientPort = await portOf(client, "asked");
  assert.equal(await hexOf(cloud, "notice"), hex(clientIp, clientPort, 0));
  assert.equal(await hexOf(client, "answer"), hex(cloudIp, cloudPort, Number(publicPort)));
  await expectTalk(cloud, cloudPort, client, clientPort);
  await expectMatch(old, 2, "udp", cloudPort, clientPort);
});

test("generation 2 over UDP: who asks for what is not there is told the private port 0", async (t) => {
  const old = await OldWorld.start(t);
  const cloud = old.cloud("generation-2-udp", "post", publicPort);
  await portOf(cloud, "posted");
  for (const [ip, port] of [
    ["192.0.2.1", publicPort],
    [cloudIp, "32263"],
  ] as const) {
    const client = old.client("generation-2-udp", "ask", ip, port);
    assert.equal(await hexOf(client, "answer"), hex(ip, 0, Number(port)));
    await client.event("not-known");
    assert.equal((await client.ended).code, 3);
  }
});

test("generation 2 over TCP: a post waits until the cloud computer gives up, posts again, and is then forgotten", async (t) => {
  const old = await OldWorld.start(t);
  const cloud = old.cloud("generation-2-tcp", "post", publicPort, "2", "300");
  const cloudPort = await portOf(cloud, "posted");
  await cloud.event("timed-out");
  assert.equal(await portOf(cloud, "posted"), cloudPort);
  const { code, stdout } = await cloud.ended;
  assert.equal(code, 3, stdout);
  assert.doesNotMatch(stdout, /closed-by-server/);
  const client = old.client("generation-2-tcp", "ask", cloudIp, publicPort);
  assert.equal(await hexOf(client, "answer"), hex(cloudIp, 0, Number(publicPort)));
  assert.equal((await client.ended).code, 3);
});

test("generation 2 over TCP: post and ask are told each other's true ports, and connect from them", async (t) => {
  const old = await OldWorld.start(t);
  const cloud = old.cloud("generation-2-tcp", "post", publicPort, "1", "9000", "listen");
  const cloudPort = await portOf(cloud, "posted");
  const client = old.client("generation-2-tcp", "ask", cloudIp, publicPort);
  const clientPort = await portOf(client, "asked");
  assert.equal(await hexOf(cloud, "notice"), hex(clientIp, clientPort, 0));
  assert.equal(await hexOf(client, "answer"), hex(cloudIp, cloudPort, Number(publicPort)));
  await cloud.event("received", { from: `${clientIp}:${clientPort}`, text: "hello\n" });
  await client.event("received", { from: `${cloudIp}:${cloudPort}`, text: "hello\n" });
  assert.deepEqual([(await cloud.ended).code, (await client.ended).code], [0, 0]);
  await expectMatch(old, 2, "tcp", cloudPort, clientPort);
});

test("with --no-classic the server answers no classic request, and with --no-turn as well it refuses TCP", async (t) => {
  const machine = new Machine(t);
  const old = new OldWorld(machine, await startTcpServer(machine, "--no-classic"));
  const socket = createSocket("udp4");
  t.after(() => socket.close());
  const ask = Buffer.from("00000000c000020100007e06", "hex");
  const binding = Buffer.from("000100002112a442000102030405060708090a0b", "hex");
  for (const datagram of [ask, "V", "127.0.0.1C", "", binding]) socket.send(datagram, old.server.port, "127.0.0.1");
  const [first]: Buffer[] = await once(socket, "message");
  assert.equal(first?.readUInt16BE(0), 0x0101, "the first answer is STUN's success");

  await old.cloud("generation-2-tcp", "post", publicPort, "1", "9000").event("closed-by-server");
  const stream = connect(old.server.port, "127.0.0.1");
  t.after(() => stream.destroy());
  stream.write(binding);
  const [streamed]: Buffer[] = await once(stream, "data");
  assert.equal(streamed?.readUInt16BE(0), 0x0101, "STUN is still answered over TCP");

  const without = new OldWorld(machine, await startServer(machine, 0, "--no-classic", "--no-turn"));
  const cloud = without.cloud("generation-2-tcp", "post", publicPort, "1", "9000");
  assert.match(textOf(await cloud.event("failed"), "reason"), /ECONNREFUSED/);
});

/** A server, and old programs on two machines. */
class OldWorld {
  readonly server: RunningServer;
  readonly #machine: Machine;

  constructor(machine: Machine, server: RunningServer) {
    this.#machine = machine;
    this.server = server;
  }

  static async start(t: TestContext): Promise<OldWorld> {
    const machine = new Machine(t);
    return new OldWorld(machine, await startTcpServer(machine));
  }

  cloud(program: string, ...args: readonly string[]): RunningCommand {
    return this.#program(program, cloudIp, args);
  }

  client(program: string, ...args: readonly string[]): RunningCommand {
    return this.#program(program, clientIp, args);
  }

  #program(name: string, ip: string, args: readonly string[]): RunningCommand {
    const path = fileURLToPath(new URL(`./old-programs/${name}.js`, import.meta.url));
    return this.#machine.startProgram(path, [`127.0.0.1:${this.server.port}`, `${ip}:0`, ...args]);
  }
}

async function expectGeneration1(
  old: OldWorld,
  cloud: RunningCommand,
  cloudPort: number,
  client: RunningCommand,
  clientPort: number,
): Promise<void> {
  assert.equal(await hexOf(client, "answer"), hex(cloudIp, cloudPort, 0));
  assert.equal(await hexOf(cloud, "answer"), hex(clientIp, clientPort, 0));
  await expectTalk(cloud, cloudPort, client, clientPort);
  await expectMatch(old, 1, "udp", cloudPort, clientPort);
}

/** Each has heard the other from the very socket that asked the server. */
async function expectTalk(
  cloud: RunningCommand,
  cloudPort: number,
  client: RunningCommand,
  clientPort: number,
): Promise<void> {
  await cloud.event("received", { from: `${clientIp}:${clientPort}`, text: "hello" });
  await client.event("received", { from: `${cloudIp}:${cloudPort}`, text: "hello" });
  assert.deepEqual([(await cloud.ended).code, (await client.ended).code], [0, 0]);
}

async function expectMatch(
  { server }: OldWorld,
  generation: 1 | 2,
  transport: "udp" | "tcp",
  cloudPort: number,
  clientPort: number,
): Promise<void> {
  const matched = await server.serve.event("classic-matched");
  const { client, cloudComputer } = matched;
  assert.deepEqual(
    { generation: matched["generation"], transport: matched["transport"], client, cloudComputer },
    { generation, transport, client: `${clientIp}:${clientPort}`, cloudComputer: `${cloudIp}:${cloudPort}` },
  );
}

async function portOf(program: RunningCommand, event: string): Promise<number> {
  const { port } = await program.event(event);
  return Number(port);
}

async function hexOf(program: RunningCommand, event: string): Promise<string> {
  return textOf(await program.event(event), "hex");
}

/** The 8 bytes of an answer: an address, the private and the public port. */
function hex(ip: string, privatePort: number, otherPort: number): string {
  const bytes = Buffer.from([...ip.split(".").map(Number), 0, 0, 0, 0]);
  bytes.writeUInt16BE(privatePort, 4);
  bytes.writeUInt16BE(otherPort, 6);
  return bytes.toString("hex");
}
