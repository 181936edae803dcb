import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inviteFromText } from "@fractal-punch/wire";
import { eventsOf, Machine, textOf } from "./running-command.ts";
import { startServer } from "./running-server.ts";

test("the server says where it takes TLS, and so do invites and TURN's tickets", async (t) => {
  const machine = new Machine(t);
  const { listening, port } = await startServer(machine);
  const [address] = [listening["tlsAddresses"]].flat();
  assert.match(String(address), /^127\.0\.0\.1:[0-9]+$/);
  const tlsPort = Number(String(address).split(":")[1]);
  assert.match(textOf(listening, "msg"), new RegExp(`^Ready on UDP .* and TLS ${String(address)}; state in`));
  const turn = await machine.run(["ticket", "turn", "bob", "--json"]);
  const [{ urls }] = JSON.parse(turn.stdout).iceServers;
  assert.equal(urls.at(-1), `turns:127.0.0.1:${tlsPort}?transport=tcp`);
  const host = machine.start(["host", "--echo", "--json", "--server", `127.0.0.1:${port}`]);
  const invite = inviteFromText(textOf(await host.event("registered"), "invite"));
  assert.ok(typeof invite !== "string");
  assert.equal(invite.tls?.port, tlsPort);
  const { publicKey } = new X509Certificate(readFileSync(join(machine.state, "tls.pem")));
  const hash = createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest();
  assert.deepEqual(Buffer.from(invite.tls?.keyHash ?? []), hash);
});

test("with --no-tls the server takes none, makes no certificate, and tickets name none", async (t) => {
  const machine = new Machine(t);
  const { listening } = await startServer(machine, 0, "--no-tls");
  assert.deepEqual([listening["tlsAddresses"]].flat(), []);
  assert.throws(() => readFileSync(join(machine.state, "tls.pem")), { code: "ENOENT" });
  const { stdout } = await machine.run(["ticket", "turn", "bob", "--json"]);
  assert.ok(!stdout.includes("turns:"), stdout);
});

test("a certificate that is given is used, and one without its key or that is none ends serve with 2", async (t) => {
  const maker = new Machine(t);
  await startServer(maker);
  const good = join(maker.state, "tls.pem");
  const machine = new Machine(t);
  const text = machine.file("text.pem", "text");
  const serve = ["serve", "--listen", "127.0.0.1", "--port", "0", "--port2", "0", "--tls-port", "0", "--json"];
  const cases = [
    [["--certificate", good], "USAGE", /--certificate and --key belong together/],
    [["--key", good], "USAGE", /--certificate and --key belong together/],
    [["--certificate", good, "--key", good, "--no-tls"], "USAGE", /With --no-tls there is no use/],
    [["--certificate", text, "--key", good], "OPTION", /text\.pem holds no certificate/],
    [["--certificate", good, "--key", "none.pem"], "OPTION", /none\.pem cannot be read/],
  ] as const;
  const ended = await Promise.all(cases.map(([more]) => machine.run([...serve, ...more])));
  for (const [index, [, code, sentence]] of cases.entries()) {
    const one = ended[index];
    assert.equal(one?.code, 2);
    const error = one && eventsOf(one).find(({ event }) => event === "error");
    assert.ok(error);
    assert.equal(error["code"], code);
    assert.match(textOf(error, "message"), sentence);
  }
  const { listening } = await startServer(machine, 0, "--certificate", good, "--key", good);
  assert.notDeepEqual([listening["tlsAddresses"]].flat(), []);
});
