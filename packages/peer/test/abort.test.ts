import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { connect, listen } from "@fractal-punch/peer";
import { endOf, inTime, Loopback, messageOf, onlyOpen, openResources, turn } from "./loopback.ts";

test("connecting with a signal that is aborted already is refused at once", async (t) => {
  const loopback = await Loopback.start(t);
  const listener = await loopback.reachable();
  let sessions = 0;
  listener.on("session", () => sessions++);
  await assert.rejects(loopback.connect(listener.invite, { signal: AbortSignal.abort() }), { code: "ABORTED" });
  await loopback.pair(listener);
  assert.equal(sessions, 1);
});

test("an attempt is given up when its signal is aborted, before the sockets are there or after", async (t) => {
  const loopback = await Loopback.start(t);
  const listener = await loopback.reachable();
  // The server is away: nothing answers, so the attempt is under way as long as it is let.
  await loopback.server.close();
  for (const begin of [() => Promise.resolve(), () => someTurns(50)]) {
    const controller = new AbortController();
    const attempt = loopback.connect(listener.invite, { signal: controller.signal });
    await Promise.all([assert.rejects(attempt, { code: "ABORTED" }), begin().then(() => controller.abort())]);
  }
});

test("aborting after the connection is there ends it at both ends", async (t) => {
  const loopback = await Loopback.start(t);
  const controller = new AbortController();
  const { client, host } = await loopback.pair(await loopback.reachable(), { signal: controller.signal });
  const ends = Promise.all([endOf(client), endOf(host)]);
  controller.abort();
  assert.deepEqual(await ends, [undefined, undefined]);
  assert.throws(() => client.send("x"), { code: "CLOSED" });
});

test("aborting after the end does nothing", async (t) => {
  const loopback = await Loopback.start(t);
  const controller = new AbortController();
  const listener = await loopback.reachable();
  const { client } = await loopback.pair(listener, { signal: controller.signal });
  await client.close();
  controller.abort();
  const { client: second, host } = await loopback.pair(listener);
  const message = messageOf(host);
  second.send("still here");
  assert.equal(await message, "still here");
});

test("listening with a signal that is aborted before or meanwhile is refused, and leaves nothing open", async (t) => {
  const loopback = await Loopback.start(t);
  const before = openResources();
  await assert.rejects(loopback.listen({ signal: AbortSignal.abort() }), { code: "ABORTED" });
  const controller = new AbortController();
  const attempt = loopback.listen({ signal: controller.signal });
  controller.abort();
  await assert.rejects(attempt, { code: "ABORTED" });
  await onlyOpen(before);
});

test("aborting closes a listener and its sessions", async (t) => {
  const loopback = await Loopback.start(t);
  const controller = new AbortController();
  const listener = await loopback.reachable({ signal: controller.signal });
  const { client, host } = await loopback.pair(listener);
  const closed = Promise.all([once(listener, "close", inTime()), endOf(client), endOf(host)]);
  controller.abort();
  const [, ...errors] = await closed;
  assert.deepEqual(errors, [undefined, undefined]);
  assert.equal(listener.sessions.size, 0);
});

test("what is no invite, a damaged one, and one of another version are told apart", async (t) => {
  const loopback = await Loopback.start(t);
  const { invite } = await loopback.listen();
  const cases = {
    "": "INVITE_INVALID",
    "hello, world": "INVITE_INVALID",
    [loopback.ticket()]: "INVITE_INVALID",
    [invite.slice(0, -4)]: "INVITE_DAMAGED",
    [`${invite.slice(0, 40)}A${invite.slice(41)}`]: "INVITE_DAMAGED",
    "fp1-": "INVITE_DAMAGED",
    [invite.replace("fp1-", "fp2-")]: "INVITE_VERSION",
  };
  for (const [text, code] of Object.entries(cases)) {
    if (text !== invite) await assert.rejects(connect(text), { code }, text);
  }
});

test("a listener is refused what is no server, no ticket, or a client's ticket", async (t) => {
  const loopback = await Loopback.start(t);
  const own = { server: loopback.address, ticket: loopback.ticket(), folder: loopback.newFolder() };
  const client = own.ticket.replace(":host/desk", `:client/${"a".repeat(52)}`);
  await assert.rejects(listen({ ...own, server: "127.0.0.1:0" }), { code: "USAGE" });
  await assert.rejects(listen({ ...own, server: "" }), { code: "USAGE" });
  await assert.rejects(listen({ ...own, ticket: "" }), { code: "TICKET_INVALID" });
  await assert.rejects(listen({ ...own, ticket: own.ticket.slice(0, -1) }), { code: "TICKET_INVALID" });
  await assert.rejects(listen({ ...own, ticket: own.ticket.replace("host/", "guest/") }), { code: "TICKET_INVALID" });
  await assert.rejects(listen({ ...own, ticket: client }), { code: "TICKET_SCOPE" });
});

/** Lets the event loop turn so often. */
async function someTurns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}
