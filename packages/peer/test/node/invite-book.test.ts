import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { addressFromText, addressText } from "@fractal-punch/machine";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import { base64UrlText, hostIdText, hostUsername, inviteFromText, ticketPassword } from "@fractal-punch/wire";
import { InviteBook, type InviteReach, inviteTextFor, isLive } from "../../dist/node/invite-book.js";
import { inviteFileText, inviteIdText, readInviteFile } from "../../dist/node/invite-file.js";
import { writePrivateFile } from "../../dist/node/private-file.js";
import { temporaryFolder } from "./temporary-folder.js";

test("the standing invite is made once and is the same after restarts", async (t) => {
  const folder = path.join(await temporaryFolder(t), "new");
  const first = await openBook(t, folder);
  const second = await openBook(t, folder);
  assert.deepEqual(second.standing, first.standing);
  assert.equal(inviteTextFor(second.standing, reach()), inviteTextFor(first.standing, reach()));
  if (process.platform !== "win32") assert.equal((await stat(path.join(folder, "invites.json"))).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(folder), ["invites.json"]);
});

test("added invites have secrets of their own, are listed in order, and are there after a restart", async (t) => {
  const folder = await temporaryFolder(t);
  const book = await openBook(t, folder);
  const plain = await book.add();
  const named = await book.add({ name: "Ada's laptop", ttlSeconds: 3600 });
  assert.equal(named.expiresAtMs, named.createdAtMs + 3_600_000);
  assert.deepEqual(book.list(), [book.standing, plain, named]);
  assert.equal(new Set(book.list().map(({ secret }) => base64UrlText(secret))).size, 3);
  assert.equal(new Set(book.list().map(({ id }) => inviteIdText(id))).size, 3);
  assert.deepEqual((await openBook(t, folder)).list(), book.list());
});

test("an invite is revoked by its id or its name, and stays in the list", async (t) => {
  const book = await openBook(t, await temporaryFolder(t));
  const plain = await book.add();
  await book.add({ name: "laptop" });
  const revokedById = await book.revoke(inviteIdText(plain.id));
  const revokedByName = await book.revoke("laptop");
  assert.deepEqual(revokedById.id, plain.id);
  assert.deepEqual(book.list(), [book.standing, revokedById, revokedByName]);
  assert.deepEqual(book.list().map(isLive), [true, false, false]);
  assert.deepEqual(await book.revoke("laptop"), revokedByName);
});

test("a name is free again once its invite is revoked", async (t) => {
  const book = await openBook(t, await temporaryFolder(t));
  await book.add({ name: "laptop" });
  await assert.rejects(book.add({ name: "laptop" }), {
    code: "USAGE",
    message: /There is an invite named "laptop" already/,
  });
  await book.revoke("laptop");
  const again = await book.add({ name: "laptop" });
  assert.deepEqual((await book.revoke("laptop")).id, again.id);
});

test("a revoked standing invite is followed by a new one", async (t) => {
  const book = await openBook(t, await temporaryFolder(t));
  const before = book.standing;
  await book.revoke(inviteIdText(before.id));
  assert.notDeepEqual(book.standing.id, before.id);
  assert.deepEqual(book.list().map(isLive), [false, true]);
});

test("bad lives, names and unknown invites are refused, and the file stays as it was", async (t) => {
  const folder = await temporaryFolder(t);
  const book = await openBook(t, folder);
  const before = await readFile(path.join(folder, "invites.json"), "utf8");
  for (const ttlSeconds of [0, -1, 1.5, Number.NaN, Infinity, 1e10]) {
    await assert.rejects(book.add({ ttlSeconds }), { code: "USAGE", message: /cannot live for/ });
  }
  for (const name of ["", "a\nb", "\u001b[2J", "x".repeat(65)])
    await assert.rejects(book.add({ name }), { code: "USAGE" });
  await assert.rejects(book.revoke("nobody"), {
    code: "USAGE",
    message: 'There is no invite with the id or the name "nobody".',
  });
  assert.equal(await readFile(path.join(folder, "invites.json"), "utf8"), before);
});

test("a book that watches hears of what another process added and revoked", async (t) => {
  const folder = await temporaryFolder(t);
  const host = await openBook(t, folder);
  await changeElsewhere(host, folder, 'await book.add({ name: "phone" })');
  assert.deepEqual(
    host.list().map(({ name }) => name),
    [undefined, "phone"],
  );
  await changeElsewhere(host, folder, 'await book.revoke("phone")');
  assert.deepEqual(host.list().map(isLive), [true, false]);
});

test("processes that add at the same time lose nothing", async (t) => {
  const folder = await temporaryFolder(t);
  const add = "await Promise.all([1, 2, 3, 4].map(() => book.add()))";
  await Promise.all([1, 2, 3].map(() => inOtherProcess(folder, add)));
  assert.equal((await openBook(t, folder)).list().length, 13);
  assert.deepEqual(await readdir(folder), ["invites.json"]);
});

test("a lock left behind by a process that died does not stay", async (t) => {
  const folder = await temporaryFolder(t);
  const lock = path.join(folder, "invites.json.lock");
  await writeFile(lock, "");
  await utimes(lock, new Date(0), new Date(0));
  await openBook(t, folder);
  assert.deepEqual(await readdir(folder), ["invites.json"]);
});

test("a damaged file is named, with what is wrong, and left as it is", async (t) => {
  const good = inviteFileText((await openBook(t, await temporaryFolder(t))).list());
  const cases: [string, RegExp][] = [
    ["", /is damaged: /],
    [good.slice(0, -10), /is damaged: /],
    ["[]", /is damaged: it has no list "invites"/],
    ["null", /is damaged: it has no list "invites"/],
    ['{"invites":[null]}', /is damaged: its invite number 1 cannot be read/],
    [good.replace(/"secret": "./, '"secret": "'), /its invite number 1 cannot be read/],
    [good.replace(/"id": "./, '"id": "'), /its invite number 1 cannot be read/],
    [good.replace(/"createdAt": "/, '"createdAt": "x'), /its invite number 1 cannot be read/],
    [good.replace(/"createdAt"/, '"expiresAt": 5, "createdAt"'), /its invite number 1 cannot be read/],
    [good.replace(/"createdAt"/, '"created"'), /its invite number 1 cannot be read/],
  ];
  for (const [text, message] of cases) {
    const folder = await temporaryFolder(t);
    const file = path.join(folder, "invites.json");
    await writeFile(file, text, { mode: 0o600 });
    await assert.rejects(InviteBook.open(folder), { code: "KEY_FILE", message });
    await assert.rejects(InviteBook.open(folder), ({ message: told }: Error) =>
      told.startsWith(`The file of invites ${file} is`),
    );
    assert.equal(await readFile(file, "utf8"), text);
  }
});

test("a file that is damaged while the host runs is told, and the invites last read stay in force", async (t) => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, "invites.json");
  const book = await openBook(t, folder);
  const good = await readFile(file, "utf8");
  const before = book.list();
  await running(async () => {
    const fault = once(book, "fault", deadline());
    await writePrivateFile(file, "{");
    const [error] = await fault;
    assert.equal(error.code, "KEY_FILE");
    assert.deepEqual(book.list(), before);
    const change = once(book, "change", deadline());
    await writePrivateFile(file, good);
    await change;
  });
  assert.deepEqual(book.list(), before);
});

test("a full book forgets its oldest dead invite, and takes no more when all are live", async (t) => {
  const folder = await temporaryFolder(t);
  const book = await openBook(t, folder);
  const live = Array.from({ length: 998 }, (_, index) => ({ ...book.standing, id: idOf(index), standing: false }));
  const dead = { ...book.standing, id: idOf(5000), standing: false, expiresAtMs: book.standing.createdAtMs - 1 };
  await writeFile(path.join(folder, "invites.json"), inviteFileText([book.standing, dead, ...live]));
  const added = await book.add({ name: "one more" });
  assert.deepEqual(book.list(), [book.standing, ...live, added]);
  await assert.rejects(book.add(), {
    code: "USAGE",
    message: "There are 1000 live invites already. Revoke some first.",
  });
});

test("an invite's text carries the entry, the server, and a ticket that the server derives from the host's", async (t) => {
  const book = await openBook(t, await temporaryFolder(t));
  const given = reach();
  const invite = inviteFromText(inviteTextFor(book.standing, given));
  assert.ok(typeof invite === "object");
  assert.deepEqual([invite.id, invite.secret], [book.standing.id, book.standing.secret]);
  assert.deepEqual(invite.hostKey, given.hostKey);
  const username = `${expirySeconds}:client/${hostIdText(given.hostKey)}:${given.ticket.username}`;
  assert.equal(invite.ticket.username, username);
  assert.equal(invite.ticket.password, ticketPassword(nodePrimitives, given.ticket.password, username));
});

test("an invite's ticket ends with the invite, and never after the host's own", async (t) => {
  const book = await openBook(t, await temporaryFolder(t));
  const short = await book.add({ ttlSeconds: 60 });
  const long = await book.add({ ttlSeconds: 9e9 });
  assert.equal(ticketExpiry(inviteTextFor(short, reach())), Math.floor((short.expiresAtMs ?? 0) / 1000));
  assert.equal(ticketExpiry(inviteTextFor(long, reach())), expirySeconds);
});

test("an invite's text does not depend on the order of a name's addresses, and holds at most eight", async (t) => {
  const book = await openBook(t, await temporaryFolder(t));
  const addresses = Array.from({ length: 9 }, (_, index) => `192.0.2.${index + 1}:48800`);
  const text = inviteTextFor(book.standing, reach(addresses));
  assert.equal(inviteTextFor(book.standing, reach(addresses.toReversed())), text);
  const invite = inviteFromText(text);
  assert.ok(typeof invite === "object");
  assert.deepEqual(invite.servers[0]?.lastKnown.map(addressText), addresses.slice(0, 8));
});

test("a ticket that is not a host's makes no invite", async (t) => {
  const book = await openBook(t, await temporaryFolder(t));
  const ticket = { username: `${expirySeconds}:client/${hostIdText(new Uint8Array(32))}`, password: "A".repeat(43) };
  assert.throws(() => inviteTextFor(book.standing, { ...reach(), ticket }), { code: "TICKET_INVALID" });
});

test("a missing file of invites is an empty one", async (t) => {
  const file = path.join(await temporaryFolder(t), "invites.json");
  assert.deepEqual(await readInviteFile(file), { entries: [], stamp: undefined });
});

const expirySeconds = 2_000_000_000;

function reach(lastKnown: readonly string[] = []): InviteReach {
  const username = hostUsername(expirySeconds, "office");
  return {
    servers: [
      { name: "punch.example.com", port: 48_800, lastKnown: lastKnown.flatMap((text) => addressFromText(text) ?? []) },
    ],
    hostKey: new Uint8Array(32).fill(9),
    ticket: { username, password: ticketPassword(nodePrimitives, "s".repeat(43), username) },
  };
}

function ticketExpiry(text: string): number {
  const invite = inviteFromText(text);
  return typeof invite === "object" ? Number.parseInt(invite.ticket.username, 10) : Number.NaN;
}

function idOf(number: number): Uint8Array {
  const id = new Uint8Array(8);
  new DataView(id.buffer).setUint32(4, number);
  return id;
}

async function openBook(t: TestContext, folder: string): Promise<InviteBook> {
  const book = await InviteBook.open(folder);
  t.after(() => book.close());
  return book;
}

/** So that an event that never comes fails the test and does not hang it. */
function deadline(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(20_000) };
}

/** Runs a change of the book in another process, until this process's book has heard of it. */
async function changeElsewhere(book: InviteBook, folder: string, code: string): Promise<void> {
  await running(() => Promise.all([once(book, "change", deadline()), inOtherProcess(folder, code)]));
}

async function inOtherProcess(folder: string, code: string): Promise<void> {
  const script = `
    import { InviteBook } from ${JSON.stringify(new URL("../../dist/node/invite-book.js", import.meta.url).href)};
    const book = await InviteBook.open(process.argv[1]);
    ${code};`;
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script, folder]);
}

/** The book's watch does not keep the process running, so something else does. */
async function running(work: () => Promise<unknown>): Promise<void> {
  const timer = setInterval(() => undefined, 1000);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
}
