import assert from "node:assert/strict";
import { once } from "node:events";
import { suite, test } from "node:test";
import { type Connection, InviteBook, PunchError } from "@fractal-punch/peer";
import { revokeTicket } from "@fractal-punch/server";
import { ticketFromText } from "@fractal-punch/wire";
import {
  addInvite,
  directOf,
  endOf,
  errorOf,
  inTime,
  Loopback,
  messageOf,
  registrationOf,
  sessionOf,
  startServer,
} from "./loopback.ts";
import { temporaryFolder } from "./node/temporary-folder.ts";

// Some of these wait for seconds by their nature, so they wait together.
suite("a listener", { concurrency: true }, () => {
  test("keeps its host id and its invite when it is started again", async (t) => {
    const loopback = await Loopback.start(t);
    const options = { folder: loopback.newFolder(), ticket: loopback.ticket() };
    const first = await loopback.reachable(options);
    const { hostId, invite } = first;
    await first.close();
    const second = await loopback.reachable(options);
    assert.deepEqual([second.hostId, second.invite], [hostId, invite]);
    assert.match(hostId, /^[a-z2-7]{52}$/);
    const { client } = await loopback.pair(second);
    assert.equal(client.peer, hostId);
  });

  test("says which invite a client came with, takes new ones while it runs, and ends sessions of revoked ones", async (t) => {
    const loopback = await Loopback.start(t);
    const [folder, ticket] = [loopback.newFolder(), loopback.ticket()];
    const listener = await loopback.reachable({ folder, ticket });
    const book = await InviteBook.open(folder);
    t.after(() => book.close());
    const standing = await loopback.pair(listener);
    assert.equal(standing.host.invite?.name, undefined);
    assert.match(standing.host.invite?.id ?? "", /^[\w-]+$/);

    // The listener reads the book anew within a second; the end of this session tells that it has.
    const revoked = listener.invite;
    const forAnna = await addInvite(book, listener, ticket, "anna");
    const ends = Promise.all([endOf(standing.client), endOf(standing.host)]);
    await book.revoke(standing.host.invite?.id ?? "");
    const [atClient, atHost] = await ends;
    assert(atClient instanceof PunchError);
    assert.equal(atClient.code, "INVITE_REVOKED");
    assert.equal(atHost, undefined);
    await assert.rejects(loopback.connect(revoked), { code: "INVITE_REVOKED" });

    const session = sessionOf(listener);
    await loopback.connect(forAnna);
    assert.equal((await session).invite?.name, "anna");
    assert.notEqual(listener.invite, revoked, "another standing invite has taken its place");
    await loopback.pair(listener);
  });

  test("refuses an invite that it does not know", async (t) => {
    const loopback = await Loopback.start(t);
    const [folder, ticket] = [loopback.newFolder(), loopback.ticket()];
    const listener = await loopback.reachable({ folder, ticket });
    const elsewhere = await InviteBook.open(await loopback.copyOf(folder));
    t.after(() => elsewhere.close());
    const unknown = await addInvite(elsewhere, listener, ticket, "unknown");
    await assert.rejects(loopback.connect(unknown), { code: "INVITE_UNKNOWN" });
    await loopback.pair(listener);
  });

  test("stops with an error when the server does not know its ticket, or the ticket is over", async (t) => {
    const loopback = await Loopback.start(t);
    const foreign = await loopback.listen({ ticket: loopback.ticket(3600, "another operator's secret") });
    assert.equal((await errorOf(foreign)).code, "TICKET_WRONG");
    const expired = await loopback.listen({ ticket: loopback.ticket(-60) });
    assert.equal((await errorOf(expired)).code, "TICKET_EXPIRED");
  });

  test("stops with an error when its ticket is revoked, and its sessions end with it", async (t) => {
    const stateFolder = await temporaryFolder(t);
    const loopback = await Loopback.start(t, { stateFolder });
    const ticket = loopback.ticket();
    const listener = await loopback.reachable({ ticket });
    const { client, host } = await loopback.pair(listener);
    const ends = Promise.all([errorOf(listener), endOf(client), endOf(host)]);
    const username = ticketFromText(ticket)?.username;
    assert(username);
    await revokeTicket(stateFolder, username);
    const [error, ...sessionErrors] = await ends;
    assert.equal(error.code, "TICKET_REVOKED");
    assert.deepEqual(sessionErrors, [undefined, undefined]);
    assert.equal(listener.sessions.size, 0);
    await assert.rejects(loopback.connect(listener.invite), { code: "TICKET_REVOKED" });
  });

  test("gives way to another with the same key, and says so", async (t) => {
    const loopback = await Loopback.start(t);
    const folder = loopback.newFolder();
    const first = await loopback.reachable({ folder });
    const second = await loopback.listen({ folder: await loopback.copyOf(folder) });
    const replaced = errorOf(first);
    await registrationOf(second);
    assert.equal((await replaced).code, "REPLACED");
    const { host } = await loopback.pair(second);
    assert.equal(second.sessions.has(host), true);
  });

  test("is unreachable while the server is away, and registers when it comes", async (t) => {
    const [folder, stateFolder] = [await temporaryFolder(t), await temporaryFolder(t)];
    const loopback = await Loopback.start(t, { stateFolder });
    const [server, ticket] = [loopback.address, loopback.ticket()];
    await loopback.server.close();
    const listener = await loopback.listen({ server, ticket, folder });
    const [{ server: named }] = await once(listener, "unreachable", inTime());
    assert.equal(named, "127.0.0.1");
    const again = await startServer({ stateFolder, port: Number(server.split(":").at(-1)) });
    t.after(() => again.close());
    await registrationOf(listener);
    await loopback.pair(listener);
  });

  test("can be iterated over, session by session, until it closes", async (t) => {
    const loopback = await Loopback.start(t);
    const listener = await loopback.reachable();
    const taken: Connection[] = [];
    const done = (async () => {
      for await (const session of listener) taken.push(session);
    })();
    const hosts = [(await loopback.pair(listener)).host, (await loopback.pair(listener)).host];
    await listener.close();
    await done;
    assert.deepEqual(taken, hosts);
    for await (const session of listener) assert.fail(`closed, and yet a session: ${session.peer}`);
  });

  test("throws what ended it at who iterates over it", async (t) => {
    const loopback = await Loopback.start(t);
    const expired = await loopback.listen({ ticket: loopback.ticket(-60) });
    await assert.rejects(
      async () => {
        for await (const session of expired) assert.fail(session.peer);
      },
      { code: "TICKET_EXPIRED" },
    );
  });

  test("closes its sessions when it closes, also when it is closed inside of an event", async (t) => {
    const loopback = await Loopback.start(t);
    const listener = await loopback.reachable();
    const { client, host } = await loopback.pair(listener);
    const ends = Promise.all([endOf(client), endOf(host), once(listener, "close", inTime())]);
    host.on("message", () => void listener.close());
    client.send("stop");
    const [ofClient, ofHost] = await ends;
    assert.deepEqual([ofClient, ofHost], [undefined, undefined]);
    assert.equal(listener.sessions.size, 0);
    await listener.close();
  });

  test("warns when its ticket is about to end", async (t) => {
    const loopback = await Loopback.start(t);
    const warningFor = async (days: number): Promise<string> => {
      const listener = await loopback.listen({ ticket: loopback.ticket(days * 86_400 + 60) });
      const [warning] = await once(listener, "warning", inTime());
      return String(warning);
    };
    assert.match(await warningFor(0), /ends in less than a day/);
    assert.match(await warningFor(1), /ends in a day/);
    assert.match(await warningFor(9), /ends in 9 days/);
    const listener = await loopback.listen({ ticket: loopback.ticket(30 * 86_400) });
    listener.on("warning", (warning) => assert.fail(warning));
    await registrationOf(listener);
  });

  test("an invite whose ticket is over is refused as expired", async (t) => {
    const loopback = await Loopback.start(t);
    const expired = await loopback.listen({ ticket: loopback.ticket(-60) });
    assert.equal((await errorOf(expired)).code, "TICKET_EXPIRED");
    await assert.rejects(loopback.connect(expired.invite), { code: "INVITE_EXPIRED" });
  });

  test("needs its server no more for a session that is direct", async (t) => {
    const loopback = await Loopback.start(t);
    const { client, host } = await loopback.pair(await loopback.reachable());
    await Promise.all([directOf(client), directOf(host)]);
    const message = messageOf(host);
    await loopback.server.close();
    client.send("without a server");
    assert.equal(await message, "without a server");
  });
});
