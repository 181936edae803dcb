import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { directOf, Loopback, onlyOpen } from "./loopback.ts";
import { temporaryFolder } from "./node/temporary-folder.ts";

test("when everything is closed no socket and no timer is left", async (t) => {
  const loopback = await Loopback.start(t);
  const listener = await loopback.reachable();
  const { client } = await loopback.pair(listener);
  await directOf(client);
  await client.close();
  await listener.close();
  await loopback.server.close();
  await onlyOpen([]);
});

test("when everything is closed the process ends by itself", { timeout: 20_000 }, async (t) => {
  const folder = await temporaryFolder(t);
  const { stdout } = await run(
    `
    const server = await serve({ stateFolder: folder + "/server", listen: ["127.0.0.1"], port: 0, secondPort: null, tls: null, publicNames: ["127.0.0.1"], onEvent: () => {} });
    const ticket = ticketText(mintHostTicket(await readSecret(folder + "/server"), "desk", Math.floor(Date.now() / 1000) + 60));
    const listener = await listen({ server: addressText(server.listening[0]), ticket, folder: folder + "/host" });
    listener.on("session", (session) => session.on("message", (data) => session.send(data)));
    await new Promise((resolve) => listener.once("registered", resolve));
    const connection = await connect(listener.invite, { folder: folder + "/client" });
    connection.send("hello");
    for await (const data of connection.messages) {
      process.stdout.write(new TextDecoder().decode(data));
      break;
    }
    await connection.close();
    await listener.close();
    await server.close();
  `,
    folder,
  );
  assert.equal(stdout, "hello");
});

test("a client alone keeps its process running, and lets it end when the host closes", {
  timeout: 20_000,
}, async (t) => {
  const loopback = await Loopback.start(t);
  const listener = await loopback.reachable();
  listener.on("session", (session) => session.on("message", () => void session.close()));
  const { stdout } = await run(
    `
    const connection = await connect(${JSON.stringify(listener.invite)}, { folder });
    connection.on("close", () => process.stdout.write("closed"));
    connection.send("bye");
  `,
    await temporaryFolder(t),
  );
  assert.equal(stdout, "closed");
});

/** Runs the lines in a process of their own; rejects when it does not end by itself with code 0. */
function run(lines: string, folder: string): Promise<{ stdout: string; stderr: string }> {
  const imports = [
    ["@fractal-punch/peer", "connect, listen"],
    ["@fractal-punch/server", "mintHostTicket, readSecret, serve"],
    ["@fractal-punch/machine", "addressText"],
    ["@fractal-punch/wire", "ticketText"],
  ].map(([name, what]) => `import { ${what} } from ${JSON.stringify(import.meta.resolve(name ?? ""))};`);
  const script = [...imports, `const folder = ${JSON.stringify(folder)};`, lines].join("\n");
  const options = { timeout: 15_000 };
  return promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], options);
}
