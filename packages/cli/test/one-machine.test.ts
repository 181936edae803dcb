import assert from "node:assert/strict";
import { test } from "node:test";
import { type Ended, eventsOf, Machine, textOf } from "./running-command.ts";
import { startServer } from "./running-server.ts";

test("on one machine serve, host --echo and ping find each other without being told anything", async (t) => {
  const machine = new Machine(t);
  const { serve } = await startServer(machine);
  const host = machine.start(["host", "--echo", "--json"]);
  const registered = await host.event("registered");
  assert.match(textOf(registered, "hostId"), /^[a-z2-7]{52}$/);
  assert.match(textOf(registered, "invite"), /^fp1-/);

  const ping = await machine.run(["ping", "--count", "3", "--interval", "0.05", "--json"]);
  assert.equal(ping.code, 0, ping.stdout + ping.stderr);
  const events = eventsOf(ping);
  assert.equal(events[0]?.["event"], "connected");
  const replies = events.filter(({ event }) => event === "reply");
  assert.deepEqual(
    replies.map(({ seq }) => seq),
    [1, 2, 3],
  );
  for (const { rttMs, ms, path } of replies) {
    assert.ok(Number(rttMs) > 0 && Number(rttMs) < Number(ms));
    assert.ok(path === "relayed" || path === "direct");
  }
  const last = events.at(-1);
  assert.deepEqual(Object.keys(last ?? {}), ["event", "path", "reason", "advice", "tried"]);
  assert.equal(last?.["event"], "verdict");

  const session = await host.event("session");
  assert.equal(session["session"], 1);
  await host.event("closed", { session: 1 });
  assert.equal((await host.signal("SIGTERM")).code, 0);
  assert.equal((await serve.signal("SIGTERM")).code, 0);
});

test("ping --until-direct ends with the first reply over a direct path, and says direct", async (t) => {
  const machine = new Machine(t);
  await startServer(machine);
  const host = machine.start(["host", "--echo", "--json"]);
  await host.event("registered");
  const ping = await machine.run(["ping", "--until-direct", "--interval", "0.05", "--json"]);
  assert.equal(ping.code, 0, ping.stdout + ping.stderr);
  const events = eventsOf(ping);
  const direct = events.find(({ event }) => event === "direct");
  assert.ok(direct && Number(direct["ms"]) > 0);
  assert.match(textOf(direct, "remote"), /^[0-9.]+:[0-9]+$/);
  assert.equal(events.at(-1)?.["path"], "direct");
  assert.equal(events.filter(({ event }) => event === "reply").at(-1)?.["path"], "direct");
});

test("a ping sent as early data is answered like the others", async (t) => {
  const machine = new Machine(t);
  await startServer(machine);
  const host = machine.start(["host", "--echo", "--early", "--json"]);
  await host.event("registered");
  const ping = await machine.run(["ping", "--early", "--count", "2", "--interval", "0.05", "--json"]);
  assert.equal(ping.code, 0, ping.stdout + ping.stderr);
  assert.equal(eventsOf(ping).filter(({ event }) => event === "reply").length, 2);
});

test("early data is sent again as data to a host that takes none", async (t) => {
  const machine = new Machine(t);
  await startServer(machine);
  const host = machine.start(["host", "--echo", "--json"]);
  await host.event("registered");
  const ping = await machine.run(["ping", "--early", "--count", "1", "--json"]);
  assert.equal(ping.code, 0, ping.stdout + ping.stderr);
});

test("a host prints the same invite at each start", async (t) => {
  const machine = new Machine(t);
  await startServer(machine);
  const invites: string[] = [];
  for (let start = 0; start < 2; start++) {
    const host = machine.start(["host", "--echo", "--json"]);
    invites.push(textOf(await host.event("registered"), "invite"));
    await host.signal("SIGTERM");
  }
  assert.equal(invites[0], invites[1]);
  const printed = await machine.run(["invite"]);
  assert.equal(printed.stdout.trim(), invites[0]);
});

test("a server with open access takes a host without a ticket, and no other server does", async (t) => {
  const [open, closed] = await Promise.all([
    startServer(new Machine(t), 0, "--access", "open"),
    startServer(new Machine(t)),
  ]);
  const host = ["host", "--echo", "--json", "--server"];
  await new Machine(t).start([...host, `127.0.0.1:${open.port}`]).event("registered");
  const refused = await new Machine(t).run([...host, `127.0.0.1:${closed.port}`]);
  assert.equal(refused.code, 4);
  assert.equal(eventsOf(refused).at(-1)?.["code"], "TICKET_WRONG");
});

test("an invite is taken from the argument, standard input, a file and the environment", async (t) => {
  const host = new Machine(t);
  const client = new Machine(t);
  await startServer(host);
  const running = host.start(["host", "--echo", "--json"]);
  const invite = textOf(await running.event("registered"), "invite");
  const file = client.file("invite.txt", `${invite}\n`);
  const short = ["--count", "1", "--json"];
  const piped = client.start(["ping", "-", ...short]);
  piped.process.stdin?.end(`${invite}\n`);
  const pings = [
    client.run(["ping", invite, ...short]),
    piped.ended,
    client.run(["ping", "--invite-file", file, ...short]),
    client.run(["ping", ...short], { FRACTAL_PUNCH_INVITE: invite }),
  ];
  for (const ended of await Promise.all(pings)) assert.equal(ended.code, 0, ended.stdout + ended.stderr);
});

test("people read the invite, the replies and the verdict in sentences", async (t) => {
  const machine = new Machine(t);
  await startServer(machine);
  const watched = machine.start(["host", "--echo", "--json"]);
  const invite = textOf(await watched.event("registered"), "invite");
  await watched.signal("SIGTERM");
  const host = machine.start(["host", "--echo"]);
  await host.line(/^fp1-/);
  const ping = await machine.run(["ping", "--count", "1"]);
  assert.equal(ping.code, 0, ping.stderr);
  assert.match(ping.stdout, /^Connected after [0-9.]+ ms, (relayed through|direct to) /);
  assert.match(ping.stdout, /^1: [0-9.]+ ms, (relayed|direct)$/m);
  assert.match(ping.stdout, /^Verdict: (relayed|direct)\. /m);
  assert.match(ping.stderr, /1 sent, 1 came back\. Round trip /);
  const { stdout, code } = await host.signal("SIGINT");
  assert.equal(code, 130);
  assert.ok(stdout.split("\n").includes(invite));
});

test("SIGINT ends ping with its verdict and 130", async (t) => {
  const machine = new Machine(t);
  await startServer(machine);
  const host = machine.start(["host", "--echo", "--json"]);
  await host.event("registered");
  const ping = machine.start(["ping", "--count", "0", "--interval", "0.05", "--json"]);
  await ping.event("reply");
  const ended: Ended = await ping.signal("SIGINT");
  assert.equal(ended.code, 130);
  assert.equal(eventsOf(ended).at(-1)?.["event"], "verdict");
});

test("a reader that goes away ends a ping, and not a host or a server", async (t) => {
  const machine = new Machine(t);
  const { serve } = await startServer(machine);
  const host = machine.start(["host", "--echo", "--json"]);
  await host.event("registered");
  host.process.stdout?.destroy();
  serve.process.stdout?.destroy();
  const pings = [
    await machine.run(["ping", "--count", "1", "--json"]),
    await machine.run(["ping", "--count", "1", "--json"]),
  ];
  for (const ended of pings) assert.equal(ended.code, 0, ended.stdout + ended.stderr);
  const endless = machine.start(["ping", "--count", "0", "--interval", "0.05", "--json"]);
  await endless.event("reply");
  endless.process.stdout?.destroy();
  assert.equal((await endless.ended).code, 0);
  assert.equal((await host.signal("SIGTERM")).code, 0);
  assert.equal((await serve.signal("SIGTERM")).code, 0);
});
