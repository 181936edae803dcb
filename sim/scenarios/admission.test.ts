import assert from "node:assert/strict";
import { test } from "node:test";
import { Pair, portRestrictedCone } from "@fractal-punch/sim";
import { ErrorCode, type Ticket } from "@fractal-punch/wire";
import { between } from "./places.ts";

const minute = 60_000;

const refused: Record<string, { ticket: (pair: Pair) => Ticket; code: ErrorCode }> = {
  "with a wrong password": {
    ticket: ({ clientTicket }) => ({
      ...clientTicket,
      password: clientTicket.password.replace(/^./, (c) => (c === "A" ? "B" : "A")),
    }),
    code: ErrorCode.ticketWrong,
  },
  "that was minted with another secret": {
    ticket: (pair) =>
      pair.operator.clientTicketOf({ ...pair.hostTicket, password: "x" }, pair.secondsFromNow(60), pair.hostId),
    code: ErrorCode.ticketWrong,
  },
  "that has expired": {
    ticket: (pair) => pair.operator.clientTicketOf(pair.hostTicket, pair.secondsFromNow(-1), pair.hostId),
    code: ErrorCode.ticketExpired,
  },
  "for hosts": { ticket: ({ hostTicket }) => hostTicket, code: ErrorCode.ticketScope },
};

for (const [name, { ticket, code }] of Object.entries(refused))
  test(`a client ticket ${name} is refused at once`, () => {
    const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin();
    const start = pair.world.now;
    pair.connect({ ticket: ticket(pair) });
    assert.deepEqual(pair.failure(), { kind: "refused", code });
    assert.equal(pair.clientEvents("failed")[0]?.atMs, start + 2 * 35);
    leavesNothing(pair);
  });

test("a ticket for another host leads nowhere: this host's name is not its minter's", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin();
  const other = pair.operator.hostTicket(pair.secondsFromNow(3600), "other");
  pair.connect({ ticket: pair.operator.clientTicketOf(other, pair.secondsFromNow(60), pair.hostId) });
  assert.deepEqual(pair.failure(), { kind: "refused", code: ErrorCode.hostNotRegistered });
});

test("a ticket minted by the operator's login service serves as one minted by the host", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin();
  pair.connected({ ticket: pair.operator.clientTicket(pair.secondsFromNow(60), pair.hostId) });
});

test("a session outlives its client's ticket as long as it is direct, and its relay ends with it", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin();
  pair.connected({ ticket: pair.operator.clientTicket(pair.secondsFromNow(60), pair.hostId) });
  pair.pass(2 * minute);
  pair.send("hello");
  pair.pass(1000);
  assert.deepEqual(
    pair.requests.map(({ text, via }) => [text, via]),
    [["hello", "direct"]],
  );
  assert.equal(pair.serverSizes?.channels, 0);
});

test("a revoked client ticket is refused, and the relay of its session ends", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin().connected().pass(2000);
  pair.server.command(pair.operator.revocation(pair.clientTicket));
  assert.equal(pair.serverSizes?.channels, 0);
  pair.connect();
  assert.deepEqual(pair.failure(), { kind: "refused", code: ErrorCode.ticketRevoked });
});

test("revoking the host's ticket ends its registration, and refuses the tickets derived from it", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin();
  pair.server.command(pair.operator.revocation(pair.hostTicket));
  pair.pass(1000);
  assert.deepEqual(
    pair.hostEvents("ended").map(({ event }) => event.code),
    [ErrorCode.ticketRevoked],
  );
  pair.connect();
  assert.deepEqual(pair.failure(), { kind: "refused", code: ErrorCode.ticketRevoked });
});

test("a host ticket that expires in mid-session ends the registration and the sessions, and the client is told", () => {
  const pair = new Pair({ ...between(portRestrictedCone, portRestrictedCone), ticketSeconds: 120 }).begin().connected();
  pair.pass(2.5 * minute);
  assert.deepEqual(
    pair.hostEvents("ended").map(({ event }) => event.code),
    [ErrorCode.ticketExpired],
  );
  assert.deepEqual(
    pair.clientEvents("closed").map(({ event }) => [event.reason, event.byPeer]),
    [["shutting-down", true]],
  );
  assert.equal(pair.host.nextWake(), Infinity);
});

for (const [name, change] of Object.entries({
  unknown: { id: new Uint8Array(8) },
  "held without its secret": { secret: new Uint8Array(32) },
}))
  test(`an invite that is ${name} is refused by the host, who says it is unknown`, () => {
    const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin();
    pair.connect({ invite: { ...pair.invite, ...change } });
    assert.deepEqual(pair.failure(1000), { kind: "host-refused", refusal: "unknown-invite" });
    assert.deepEqual(pair.hostEvents("session"), []);
    leavesNothing(pair);
  });

test("a revoked invite and an expired one are refused by the host, who says that they ended", () => {
  for (const end of [{ revoked: true }, { expiresAtMs: 1 }]) {
    const pair = new Pair(between(portRestrictedCone, portRestrictedCone));
    pair.startServer();
    pair.startHost([{ ...pair.invite, ...end }]);
    pair.pass(1000).connect();
    assert.deepEqual(pair.failure(), { kind: "host-refused", refusal: "invite-ended" });
  }
});

test("revoking an invite ends its sessions, and the client is told so", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin().connected().pass(2000);
  pair.host.command({ type: "invites", invites: [{ ...pair.invite, revoked: true }] });
  pair.pass(1000);
  assert.deepEqual(
    pair.clientEvents("closed").map(({ event }) => [event.reason, event.byPeer]),
    [["revoked", true]],
  );
});

/** What was made for a client that was refused is gone within a minute and a bit. */
function leavesNothing(pair: Pair): void {
  assert.equal(pair.client.nextWake(), Infinity);
  pair.pass(65_000);
  assert.equal(pair.serverSizes?.channels, 0);
  assert.equal(pair.serverSizes?.introductions, 0);
}
