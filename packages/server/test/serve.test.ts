import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  mintHostTicket,
  type RunningServer,
  readSecret,
  readServerFile,
  revokeTicket,
  type ServeEvent,
  type ServeOptions,
  ServerError,
  serve,
} from "@fractal-punch/server";
import {
  Attribute,
  encodeBinding,
  encodeRegisterAsk,
  errorCodeOf,
  StunBuilder,
  StunMessage,
} from "@fractal-punch/wire";

const builder = new StunBuilder();

test("a first start makes the folder and the secret, for nobody else to read, and answers on its ports", async (t) => {
  const { running, events, stateFolder } = await started(t);
  assert.equal((await stat(stateFolder)).mode & 0o777, 0o700);
  assert.equal((await stat(join(stateFolder, "secret"))).mode & 0o777, 0o600);
  assert.match(await readSecret(stateFolder), /^[A-Za-z0-9_-]{43}$/);
  assert(events.some(({ type }) => type === "secret-made"));
  const [main] = running.listening;
  assert(main);
  const second = events.find((event) => event.type === "listening" && !event.port.main);
  assert(second?.type === "listening");
  for (const { port } of [main, second.local]) {
    const bound = await ask(t, port, encodeBinding(builder, new Uint8Array(12), true));
    assert.equal(bound.fixed(Attribute.epoch, 8)?.length, 8);
  }
  const refused = await ask(t, main.port, encodeRegisterAsk(builder, new Uint8Array(12), new Uint8Array(32).fill(9)));
  assert.equal(errorCodeOf(refused), 401);
});

test("the secret stays the same from one start to the next", async (t) => {
  const { running, stateFolder } = await started(t);
  const secret = await readSecret(stateFolder);
  await running.close();
  const again = await started(t, { stateFolder });
  assert.equal(await readSecret(stateFolder), secret);
  assert(!again.events.some(({ type }) => type === "secret-made"));
});

test("programs on the same machine find the server, under the names that were given", async (t) => {
  const { running, stateFolder } = await started(t, { publicNames: ["punch.example.com", "203.0.113.7"] });
  const port = running.listening[0]?.port;
  assert.deepEqual(await readServerFile(stateFolder), {
    publicNames: ["punch.example.com", "203.0.113.7"],
    listening: [`127.0.0.1:${port}`],
  });
  assert.deepEqual(running.publicNames.source, "option");
  await writeFile(join(stateFolder, "server.json"), '{"publicNames": 3}');
  assert.equal(await readServerFile(stateFolder), undefined);
  assert.equal(await readServerFile(join(stateFolder, "elsewhere")), undefined);
});

test("a revocation by another process acts, and survives a restart", async (t) => {
  const { running, stateFolder, next } = await started(t);
  const { username } = mintHostTicket(await readSecret(stateFolder), "desk", 1_999_999_999);
  const read = next("revocations-read");
  await revokeTicket(stateFolder, username);
  assert.deepEqual(await read, { type: "revocations-read", count: 1 });
  assert.equal(running.sizes.revocations, 1);
  const another = next("revocations-read");
  await revokeTicket(stateFolder, username.replace("desk", "lamp"));
  await another;
  assert.equal(running.sizes.revocations, 2);
  await running.close();
  const again = await started(t, { stateFolder });
  assert.equal(again.running.sizes.revocations, 2);
  assert(!(await readFile(join(stateFolder, "revocations"), "utf8")).includes("desk"), "names are not written down");
});

test("lines that are no revocations are left out, and half a line waits for its end", async (t) => {
  const stateFolder = await folder(t);
  const line = `1999999999 ${"h".repeat(43)}\n`;
  await writeFile(join(stateFolder, "revocations"), `nonsense\n\n${line}-1 x\n19`);
  const { running, next } = await started(t, { stateFolder });
  assert.equal(running.sizes.revocations, 1);
  const read = next("revocations-read");
  await writeFile(join(stateFolder, "revocations"), `99999999 ${"i".repeat(43)}\n`, { flag: "a" });
  await read;
  assert.equal(running.sizes.revocations, 2);
});

test("a main port that is taken is an error that names it; a second port that is taken is told, and no more", async (t) => {
  const taken = await boundSocket("127.0.0.1");
  t.after(() => taken.close());
  const { port } = taken.address();
  const stateFolder = await folder(t);
  const options = { stateFolder, listen: ["127.0.0.1"], tls: null, onEvent: () => {} };
  await rejectsWith(serve({ ...options, port, secondPort: 0 }), "PORT_IN_USE", `127.0.0.1:${port}`);
  const { events } = await started(t, { stateFolder, secondPort: port });
  const failed = events.find((event) => event.type === "listen-failed");
  assert(failed?.type === "listen-failed");
  assert.deepEqual([failed.code, failed.port.main], ["EADDRINUSE", false]);
});

test("an address that this machine does not have, and what is no address or port, are errors", async (t) => {
  const stateFolder = await folder(t);
  const options = { stateFolder, port: 0, secondPort: null, tls: null, onEvent: () => {} };
  await rejectsWith(serve({ ...options, listen: ["198.51.100.77"] }), "PORT", "198.51.100.77");
  await rejectsWith(serve({ ...options, listen: ["example.com"] }), "OPTION", "example.com");
  await rejectsWith(serve({ ...options, port: 70_000 }), "OPTION", "70000");
});

test("a folder that cannot be made, and a secret that is none, are errors that say what to do", async (t) => {
  const stateFolder = await folder(t);
  const file = join(stateFolder, "file");
  await writeFile(file, "");
  const options = { listen: ["127.0.0.1"], port: 0, secondPort: null, tls: null, onEvent: () => {} };
  await rejectsWith(serve({ ...options, stateFolder: join(file, "state") }), "STATE_FOLDER", "another folder");
  await writeFile(join(stateFolder, "secret"), "too short\n");
  await rejectsWith(serve({ ...options, stateFolder }), "SECRET", join(stateFolder, "secret"));
  await rejectsWith(readSecret(join(stateFolder, "none")), "STATE_FOLDER", "Start the server once");
  await rejectsWith(revokeTicket(stateFolder, "somebody"), "OPTION", "somebody");
});

test("a server that failed to start has left no socket behind", async (t) => {
  const stateFolder = await folder(t);
  const free = await boundSocket("127.0.0.1");
  const { port } = free.address();
  const taken = await boundSocket("127.0.0.2", port);
  t.after(() => taken.close());
  free.close();
  const options = { stateFolder, port, secondPort: null, tls: null, onEvent: () => {} };
  await rejectsWith(serve({ ...options, listen: ["127.0.0.1", "127.0.0.2"] }), "PORT_IN_USE", `127.0.0.2:${port}`);
  const { running } = await started(t, { stateFolder, port });
  assert.equal(running.listening[0]?.port, port);
});

interface Started {
  readonly running: RunningServer;
  readonly stateFolder: string;
  readonly events: ServeEvent[];
  /** The next event of that type. */
  readonly next: (type: ServeEvent["type"]) => Promise<ServeEvent>;
}

/** On loopback, on ports of the system's choice. */
async function started(t: TestContext, options: Partial<ServeOptions> = {}): Promise<Started> {
  const stateFolder = options.stateFolder ?? join(await folder(t), "state");
  const events: ServeEvent[] = [];
  const waiting = new Map<string, (event: ServeEvent) => void>();
  const onEvent = (event: ServeEvent): void => {
    events.push(event);
    waiting.get(event.type)?.(event);
  };
  const running = await serve({
    listen: ["127.0.0.1"],
    port: 0,
    secondPort: 0,
    tls: null,
    onEvent,
    ...options,
    stateFolder,
  });
  t.after(() => running.close());
  const next = (type: ServeEvent["type"]): Promise<ServeEvent> => new Promise((resolve) => waiting.set(type, resolve));
  return { running, stateFolder, events, next };
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "fractal-punch-"));
  await chmod(path, 0o700);
  t.after(() => rm(path, { recursive: true }));
  return path;
}

async function boundSocket(address: string, port = 0): Promise<Socket> {
  const socket = createSocket("udp4").bind(port, address);
  await once(socket, "listening");
  return socket;
}

async function ask(t: TestContext, port: number, bytes: Uint8Array): Promise<StunMessage> {
  const socket = createSocket("udp4");
  t.after(() => socket.close());
  const answered = once(socket, "message");
  socket.send(bytes.slice(), port, "127.0.0.1");
  const [answer]: unknown[] = await answered;
  assert(answer instanceof Uint8Array);
  const message = new StunMessage();
  assert.equal(message.load(new Uint8Array(answer)), undefined);
  return message;
}

async function rejectsWith(promise: Promise<unknown>, code: string, words: string): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert(error instanceof ServerError, String(error));
    assert.equal(error.code, code);
    assert(error.message.includes(words), error.message);
    return true;
  });
}
