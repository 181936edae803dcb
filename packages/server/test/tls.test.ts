import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { chmod, copyFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect } from "node:tls";
import { type RunningServer, readServerFile, type ServeEvent, type ServeOptions, serve } from "@fractal-punch/server";
import { Attribute, encodeBinding, StunBuilder, StunMessage } from "@fractal-punch/wire";

test("a first start makes a certificate, for nobody else to read, and what is asked over TLS is answered", async (t) => {
  const { running, stateFolder } = await started(t);
  assert.equal((await stat(join(stateFolder, "tls.pem"))).mode & 0o777, 0o600);
  const [at] = running.listeningTls;
  assert(at);
  assert.equal((await readServerFile(stateFolder))?.tlsPort, at.port);
  const socket = connect({ port: at.port, host: "127.0.0.1", rejectUnauthorized: false });
  socket.write(encodeBinding(new StunBuilder(), new Uint8Array(12), true).slice());
  const [answer]: unknown[] = await once(socket, "data");
  assert(answer instanceof Uint8Array);
  const message = new StunMessage();
  assert.equal(message.load(new Uint8Array(answer)), undefined);
  assert.equal(message.fixed(Attribute.epoch, 8)?.length, 8);
  socket.destroy();
});

test("the certificate stays the same from one start to the next", async (t) => {
  const { running, stateFolder } = await started(t);
  const first = await shown(running);
  assert.equal(first, fingerprint(await readFile(join(stateFolder, "tls.pem"))));
  await running.close();
  assert.equal(await shown((await started(t, { stateFolder })).running), first);
});

test("the certificate that is made is good for ten years, is signed by its key on P-256, and names nobody", async (t) => {
  const { stateFolder } = await started(t);
  const made = new X509Certificate(await readFile(join(stateFolder, "tls.pem")));
  assert.equal(made.subject, "CN=fractal-punch");
  assert.equal(made.issuer, made.subject);
  assert.equal(made.subjectAltName, undefined);
  assert(made.verify(made.publicKey));
  assert.equal(made.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
  assert.match(made.serialNumber, /^01[0-9A-F]{30}$/);
  const days = (Date.parse(made.validTo) - Date.parse(made.validFrom)) / 86_400_000;
  assert.equal(days, 3_651);
  assert(Date.parse(made.validFrom) < Date.now());
});

test("a certificate that is made after 2050 by this machine's clock is valid then", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.parse("2051-02-03T04:05:06Z") });
  const { stateFolder } = await started(t);
  const made = new X509Certificate(await readFile(join(stateFolder, "tls.pem")));
  assert.equal(Date.parse(made.validFrom), Date.parse("2051-02-02T04:05:06Z"));
});

test("a certificate's file that holds something else is an error that says what to do", async (t) => {
  const stateFolder = await folder(t);
  await writeFile(join(stateFolder, "tls.pem"), "");
  const options = { stateFolder, listen: ["127.0.0.1"], port: 0, secondPort: null, onEvent: () => {} };
  await rejectsWith(serve({ ...options, tls: { port: 0 } }), "CERTIFICATE", /tls\.pem does not hold .* move it away/);
  await (await serve({ ...options, tls: null })).close();
});

test("a certificate and a key that are given are used, and none is made", async (t) => {
  const certificate = await certificateFile(t);
  const { running, stateFolder } = await started(t, { tls: { port: 0, files: { certificate, key: certificate } } });
  assert.equal(await shown(running), fingerprint(await readFile(certificate)));
  await assert.rejects(stat(join(stateFolder, "tls.pem")), { code: "ENOENT" });
});

test("a certificate and a key that cannot be used are errors that name the file and the remedy", async (t) => {
  const stateFolder = await folder(t);
  const good = await certificateFile(t);
  const other = await certificateFile(t);
  const old = await certificateFile(t, "1990-01-01");
  const none = join(stateFolder, "none.pem");
  const text = join(stateFolder, "text.pem");
  await writeFile(text, "text");
  const cases = [
    [none, good, /certificate .*none\.pem cannot be read \(ENOENT\).*--certificate/],
    [good, none, /key .*none\.pem cannot be read \(ENOENT\).*--key/],
    [stateFolder, good, /cannot be read \(EISDIR\)/],
    [text, good, /text\.pem holds no certificate in PEM/],
    [good, text, /text\.pem holds no private key in PEM/],
    [good, other, /is not that of the certificate/],
    [old, old, /ended on .* 1999 GMT\. Renew it/],
  ] as const;
  const options = { stateFolder, listen: ["127.0.0.1"], port: 0, secondPort: null, onEvent: () => {} };
  for (const [certificate, key, message] of cases)
    await rejectsWith(serve({ ...options, tls: { port: 0, files: { certificate, key } } }), "OPTION", message);
});

test("a renewed certificate is used without a restart, and a faulty one changes nothing", async (t) => {
  const certificate = await certificateFile(t);
  const { running, events, next } = await started(t, { tls: { port: 0, files: { certificate, key: certificate } } });
  const before = await shown(running);
  const faulty = next("certificate-fault");
  await writeFile(certificate, "half");
  const { error } = await faulty;
  assert(error instanceof Error && error.message.includes(`${certificate} holds no certificate`));
  assert.equal(await shown(running), before);
  const renewed = next("certificate-read");
  const other = await certificateFile(t);
  await copyFile(other, certificate);
  assert.deepEqual(await renewed, { type: "certificate-read", path: certificate });
  assert.equal(await shown(running), fingerprint(await readFile(other)));
  assert.equal(events.filter(({ type }) => type.startsWith("certificate")).length, 2);
});

test("TLS is taken on every address", async (t) => {
  const { running } = await started(t, { listen: ["127.0.0.1", "127.0.0.2"] });
  assert.equal(running.listeningTls.length, 2);
});

test("a TLS port that is taken is told once, and the server does without it", async (t) => {
  const taken = createServer().listen(0);
  await once(taken, "listening");
  t.after(() => taken.close());
  const bound = taken.address();
  assert(typeof bound === "object" && bound !== null);
  const { running, events, stateFolder } = await started(t, { listen: [], tls: { port: bound.port } });
  const failed = events.filter((event) => event.type === "listen-failed");
  assert.deepEqual(
    failed.map(({ code, port }) => [code, port.transport]),
    [["EADDRINUSE", "tls"]],
  );
  assert.deepEqual(running.listeningTls, []);
  assert.notEqual(running.listening.length, 0);
  assert.equal((await readServerFile(stateFolder))?.tlsPort, undefined);
});

test("the port of TLS cannot be the main one, or none", async (t) => {
  const options = { stateFolder: await folder(t), listen: ["127.0.0.1"], secondPort: null, onEvent: () => {} };
  await rejectsWith(serve({ ...options, port: 47_000, tls: { port: 47_000 } }), "OPTION", /choose another/);
  await rejectsWith(serve({ ...options, port: 47_000, tls: { port: 70_000 } }), "OPTION", /70000 is no port/);
});

interface Started {
  readonly running: RunningServer;
  readonly stateFolder: string;
  readonly events: ServeEvent[];
  /** The next event of that type. */
  readonly next: <Type extends ServeEvent["type"]>(type: Type) => Promise<Extract<ServeEvent, { type: Type }>>;
}

/** On loopback, on ports of the system's choice. */
async function started(t: TestContext, options: Partial<ServeOptions> = {}): Promise<Started> {
  const stateFolder = options.stateFolder ?? (await folder(t));
  const events: ServeEvent[] = [];
  let heard: (event: ServeEvent) => void = () => {};
  const onEvent = (event: ServeEvent): void => {
    events.push(event);
    heard(event);
  };
  const loopback = { listen: ["127.0.0.1"], publicNames: ["127.0.0.1"], port: 0, secondPort: null, tls: { port: 0 } };
  const running = await serve({ ...loopback, onEvent, ...options, stateFolder });
  t.after(() => running.close());
  const next: Started["next"] = <Type extends ServeEvent["type"]>(type: Type) =>
    new Promise<Extract<ServeEvent, { type: Type }>>((resolve) => {
      heard = (event) => {
        if (isOfType(event, type)) resolve(event);
      };
    });
  return { running, stateFolder, events, next };
}

function isOfType<Type extends ServeEvent["type"]>(
  event: ServeEvent,
  type: Type,
): event is Extract<ServeEvent, { type: Type }> {
  return event.type === type;
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "fractal-punch-"));
  await chmod(path, 0o700);
  t.after(() => rm(path, { recursive: true }));
  return path;
}

/** A file with a certificate and its key, made by a server that started on that day. */
async function certificateFile(t: TestContext, day?: string): Promise<string> {
  if (day !== undefined) t.mock.timers.enable({ apis: ["Date"], now: Date.parse(day) });
  const { running, stateFolder } = await started(t);
  if (day !== undefined) t.mock.timers.reset();
  await running.close();
  return join(stateFolder, "tls.pem");
}

/** The fingerprint of the certificate that the server shows. */
async function shown({ listeningTls: [at] }: RunningServer): Promise<string | undefined> {
  assert(at);
  const socket = connect({ port: at.port, host: "127.0.0.1", rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const certificate = socket.getPeerX509Certificate();
  socket.destroy();
  return certificate?.fingerprint256;
}

function fingerprint(pem: Buffer): string {
  return new X509Certificate(pem).fingerprint256;
}

async function rejectsWith(starting: Promise<RunningServer>, code: string, message: RegExp): Promise<void> {
  await assert.rejects(starting, { name: "ServerError", code, message });
}
