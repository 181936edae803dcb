import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { mintClientTicket, mintHostTicket } from "@fractal-punch/server";
import { hostIdText, inviteFromText, inviteText, ticketText } from "@fractal-punch/wire";
import { type Ended, eventsOf, Machine, type RunningCommand, textOf } from "./running-command.ts";
import { startServer } from "./running-server.ts";

const inAnHour = Math.floor(Date.now() / 1000) + 3600;

// Together, because some wait for seconds until the protocol gives up.
suite("what is wrong has a sentence and a code", { concurrency: 6 }, () => {
  test("an invite that is cut, altered, of another version or none at all is refused before anything is sent", async (t) => {
    const machine = new Machine(t);
    await startServer(machine);
    const host = machine.start(["host", "--echo", "--json"]);
    const invite = textOf(await host.event("registered"), "invite");
    const altered = invite.slice(0, 40) + (invite[40] === "A" ? "B" : "A") + invite.slice(41);
    const cases: [string, string, RegExp][] = [
      [invite.slice(0, -7), "INVITE_DAMAGED", /cut|altered/],
      [altered, "INVITE_DAMAGED", /cut|altered/],
      [invite.replace("fp1-", "fp2-"), "INVITE_VERSION", /version/],
      ["hello", "INVITE_INVALID", /not an invite/],
    ];
    const ended = await Promise.all(cases.map(([text]) => machine.run(["ping", text, "--json"])));
    for (const [index, [, code, sentence]] of cases.entries()) refused(ended[index], 2, code, sentence);
  });

  test("people are told the same in a sentence with its code, on stderr", async (t) => {
    const { code, stdout, stderr } = await new Machine(t).run(["ping", "hello"]);
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /^fractal-punch: This is not an invite\. .* \(INVITE_INVALID\)\n$/);
  });

  test("a host's ticket that is malformed, wrong, expired or for something else is refused, each in its words", async (t) => {
    const machine = new Machine(t);
    const { port } = await startServer(machine);
    const secret = secretOf(machine);
    const cases: [string, number, string][] = [
      ["hello", 2, "TICKET_INVALID"],
      [ticketText(mintHostTicket("x".repeat(43), "alice", inAnHour)), 4, "TICKET_WRONG"],
      [ticketText(mintHostTicket(secret, "alice", inAnHour - 3610)), 4, "TICKET_EXPIRED"],
      [ticketText(mintClientTicket(secret, "a".repeat(52), inAnHour)), 4, "TICKET_SCOPE"],
    ];
    const host = ["host", "--echo", "--json", "--server", `127.0.0.1:${port}`, "--ticket"];
    const ended = await Promise.all(cases.map(([ticket]) => new Machine(t).run([...host, ticket])));
    for (const [index, [, exitCode, code]] of cases.entries()) refused(ended[index], exitCode, code, /./);
  });

  test("revoking a host's ticket ends its registration, and the host says so", async (t) => {
    const machine = new Machine(t);
    const { port } = await startServer(machine);
    const ticket = (await machine.run(["ticket", "alice"])).stdout.trim();
    const host = new Machine(t).start([
      "host",
      "--echo",
      "--json",
      "--server",
      `127.0.0.1:${port}`,
      "--ticket",
      ticket,
    ]);
    await host.event("registered");
    const revoked = await machine.run(["ticket", "revoke", ticket]);
    assert.equal(revoked.code, 0, revoked.stderr);
    refused(await host.ended, 4, "TICKET_REVOKED", /revoked/);
  });

  test("an invite that was revoked ends its sessions and lets nobody in, and other invites go on", async (t) => {
    const machine = new Machine(t);
    await startServer(machine);
    const host = machine.start(["host", "--echo", "--json"]);
    await host.event("registered");
    const made = await machine.run(["invite", "--name", "laptop", "--ttl", "1h"]);
    const invite = made.stdout.trim();
    assert.match(invite, /^fp1-/);
    await pingUntil(t, invite, (code) => code === 0);
    const connect = new Machine(t).start(["connect", invite, "--udp", "127.0.0.1:0", "--json"]);
    await connect.event("connected");
    assert.deepEqual((await host.event("session"))["invite"], {
      id: await inviteId(machine, "laptop"),
      name: "laptop",
    });
    assert.equal((await machine.run(["invite", "revoke", "laptop"])).code, 0);
    refused(await pingUntil(t, invite, (code) => code !== 0), 4, "INVITE_REVOKED", /revoked/);
    refused(await connect.ended, 4, "INVITE_REVOKED", /revoked/);
    assert.equal((await machine.run(["ping", "--count", "1"])).code, 0);
    assert.match((await machine.run(["invite", "list"])).stdout, /laptop .* revoked /);
    refused(await machine.run(["invite", "revoke", "nobody", "--json"]), 2, "USAGE", /"nobody"/);
  });

  test("a second host with the same key takes over, and the first is told and stops", async (t) => {
    const machine = new Machine(t);
    await startServer(machine);
    const older = machine.start(["host", "--echo", "--json"]);
    await older.event("registered");
    const newer = machine.start(["host", "--echo", "--json"]);
    await newer.event("registered");
    refused(await older.ended, 4, "REPLACED", /another process/);
    assert.equal((await machine.run(["ping", "--count", "1"])).code, 0);
  });

  test("a host that starts before its server says so, and registers when the server comes", async (t) => {
    const machine = new Machine(t);
    const { serve, port } = await startServer(machine);
    await serve.signal("SIGTERM");
    const host = machine.start(["host", "--echo", "--json"]);
    assert.equal((await host.event("unreachable"))["server"], `127.0.0.1:${port}`);
    await startServer(machine, port);
    await host.event("registered");
  });

  test("a server whose name does not resolve is named, and ends host and ping with 3", async (t) => {
    const machine = new Machine(t);
    const ticket = ticketText(mintHostTicket("x".repeat(43), "alice", inAnHour));
    const host = await machine.run(["host", "--echo", "--json", "--server", "nowhere.invalid", "--ticket", ticket]);
    refused(host, 3, "SERVER_UNRESOLVED", /nowhere\.invalid/);
    const invite = inviteFromText((await startBoth(machine)).invite);
    assert.ok(typeof invite !== "string");
    const elsewhere = inviteText({ ...invite, servers: [{ name: "nowhere.invalid", port: 48_800, lastKnown: [] }] });
    refused(await machine.run(["ping", elsewhere, "--json"]), 3, "SERVER_UNRESOLVED", /nowhere\.invalid/);
  });

  test("a host that does not answer, one that is not there and no server at all end ping with 6, 5 and 3", async (t) => {
    const machines = [new Machine(t), new Machine(t)] as const;
    const [silent, alone] = await Promise.all([startBoth(machines[0]), startBoth(machines[1])]);
    const invite = inviteFromText(silent.invite);
    assert.ok(typeof invite !== "string");
    const hostKey = new Uint8Array(32).fill(9);
    const ticket = mintClientTicket(secretOf(machines[0]), hostIdText(hostKey), inAnHour);
    silent.host.process.kill("SIGSTOP");
    await alone.serve.signal("SIGTERM");
    const ping = (text: string): Promise<Ended> => new Machine(t).run(["ping", text, "--json"]);
    const [first, second, third] = await Promise.all([
      ping(silent.invite),
      ping(inviteText({ ...invite, hostKey, ticket })),
      ping(alone.invite),
    ]);
    refused(first, 6, "HOST_SILENT", /does not answer/);
    refused(second, 5, "HOST_NOT_FOUND", /not registered/);
    refused(third, 3, "SERVER_UNREACHABLE", /does not answer/);
  });

  test("a port that is in use ends serve and connect with 2, naming the port", async (t) => {
    const machine = new Machine(t);
    const { port } = await startServer(machine);
    const other = new Machine(t);
    const ports = ["--port", String(port), "--port2", "0", "--no-tls"];
    const serve = await other.run(["serve", "--listen", "127.0.0.1", ...ports, "--json"]);
    assert.equal(serve.code, 2, serve.stdout + serve.stderr);
    assert.match(serve.stdout, new RegExp(`${port}.*(in use|another program)`));
    const host = machine.start(["host", "--echo", "--json"]);
    await host.event("registered");
    const connect = await machine.run(["connect", "--udp", `127.0.0.1:${port}`, "--json"]);
    refused(connect, 2, "USAGE", new RegExp(`127\\.0\\.0\\.1:${port}: another program`));
  });

  test("a file of TURN's users that is not one ends serve with 2, naming the line", async (t) => {
    const machine = new Machine(t);
    const file = machine.file("users", "alice:wonderland\nbob\n");
    const serve = await machine.run([
      "serve",
      "--turn-users",
      file,
      "--port",
      "0",
      "--port2",
      "0",
      "--no-tls",
      "--json",
    ]);
    refused(serve, 2, "OPTION", /users, line 2: there is no colon/);
  });

  test("a folder that cannot be written ends serve and host with 2, naming it", async (t) => {
    const machine = new Machine(t);
    const file = machine.file("file", "");
    const serve = await machine.run(["serve", "--port", "0", "--port2", "0", "--state", join(file, "state"), "--json"]);
    assert.equal(serve.code, 2, serve.stdout + serve.stderr);
    assert.ok(serve.stdout.includes(join(file, "state")), serve.stdout);
    const ticket = ticketText(mintHostTicket("x".repeat(43), "alice", inAnHour));
    const folder = join(file, "config");
    const host = ["host", "--echo", "--json", "--server", "127.0.0.1", "--ticket", ticket, "--folder", folder];
    refused(await machine.run(host), 2, "FOLDER", new RegExp(folder));
  });

  test("a command that is called wrongly says how it is called, with 2", async (t) => {
    const machine = new Machine(t);
    const cases: [readonly string[], RegExp][] = [
      [["host"], /--udp ADDR:PORT, a UDP service, or --echo/],
      [["host", "--echo", "--udp", "5000"], /either --udp/],
      [["host", "--echo"], /--server/],
      [["connect", "fp1-x"], /required option '--udp/],
      [["ping"], /Which host\?/],
      [["ping", "--count", "many"], /whole number/],
      [["ping", "--nonsense"], /unknown option '--nonsense'/],
      [["nonsense"], /unknown command 'nonsense'/],
      [["ticket"], /name/],
      [["invite"], /fractal-punch host/],
    ];
    const ended = await Promise.all(cases.map(([args]) => machine.run(args)));
    for (const [index, [args, sentence]] of cases.entries()) {
      assert.equal(ended[index]?.code, 2, args.join(" "));
      assert.match(ended[index]?.stderr ?? "", sentence);
    }
  });
});

function refused(ended: Ended | undefined, exitCode: number, code: string, sentence: RegExp): void {
  assert.ok(ended);
  const last = eventsOf(ended).at(-1);
  assert.equal(last?.["event"], "error", ended.stdout + ended.stderr);
  assert.equal(last["code"], code);
  assert.match(textOf(last, "message"), sentence);
  assert.equal(ended.code, exitCode);
}

async function startBoth(machine: Machine): Promise<{ serve: RunningCommand; host: RunningCommand; invite: string }> {
  const { serve } = await startServer(machine);
  const host = machine.start(["host", "--echo", "--json"]);
  return { serve, host, invite: textOf(await host.event("registered"), "invite") };
}

/** A running host learns within a second that an invite was made or revoked. */
async function pingUntil(t: TestContext, invite: string, isEnough: (code: number | null) => boolean): Promise<Ended> {
  const machine = new Machine(t);
  for (;;) {
    const ended = await machine.run(["ping", invite, "--count", "1", "--json"]);
    if (isEnough(ended.code)) return ended;
  }
}

async function inviteId(machine: Machine, name: string): Promise<unknown> {
  const listed = eventsOf(await machine.run(["invite", "list", "--json"]));
  return listed.find((event) => event["name"] === name)?.["id"];
}

function secretOf(machine: Machine): string {
  return readFileSync(join(machine.state, "secret"), "utf8").trim();
}
