/** Allocations that go on from another 5-tuple (RFC 8016). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address } from "@fractal-punch/machine";
import { Attribute, asciiText, errorCodeOf, Method, u32Of } from "@fractal-punch/wire";
import { allocateMobile, assertNothingLeft, mobile, moveBy, ticketOf } from "./test-mobility.ts";
import { connectPair } from "./test-peers.ts";
import { at } from "./test-server.ts";
import { type Credential, dataOf, minted, TurnClient, TurnServer } from "./test-turn.ts";

const home = at("203.0.113.7:5000");
const away = at("203.0.113.99:6000");
const farther = at("203.0.113.100:7000");
const peer = at("198.51.100.9:7000");
const data = Uint8Array.of(1, 2, 3, 4, 5);

test("an empty MOBILITY-TICKET is answered with a ticket, any other with 400, and TCP to peers with 405 (3.1.2)", () => {
  const { ticket } = mobile();
  assert.match(asciiText(ticket), /^[A-Za-z0-9_-]{32}$/);
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  const code = (value: Uint8Array) =>
    errorCodeOf(client.allocate((builder) => builder.attribute(Attribute.mobilityTicket, value)));
  assert.deepEqual([code(Uint8Array.of(1)), code(ticket)], [400, 400]);
  assert.equal(client.allocate().has(Attribute.mobilityTicket), false, "none was asked for");
  server.dial(away);
  const overTcp = new TurnClient(server, away, undefined, undefined, server.tcpPort);
  const asked = overTcp.ask(Method.allocate, (builder) =>
    builder.u32(Attribute.requestedTransport, 6 << 24).attribute(Attribute.mobilityTicket, new Uint8Array(0)),
  );
  assert.equal(errorCodeOf(asked), 405);
});

test("a client that moved keeps relayed address, permissions and channels; its data shows that it arrived (3.2.2)", () => {
  const { server, client, relayed, ticket } = mobile();
  client.bind(0x4001, peer);
  const moved = new TurnClient(server, away);
  const answer = moveBy(moved, ticket);
  assert.deepEqual([errorCodeOf(answer), u32Of(answer, Attribute.lifetime)], [undefined, 600]);
  assert.notDeepEqual(ticketOf(answer), ticket);
  assert.deepEqual(server.fromPeer(peer, relayed, data)[0]?.to, home, "data goes where it went");
  assert.equal(client.channelData(0x4001, data).length, 1, "and comes from where it came");
  const [sent] = moved.channelData(0x4001, data);
  assert.deepEqual([sent?.to, sent?.bytes], [peer, data]);
  assert.deepEqual(server.fromPeer(peer, relayed, data)[0]?.to, away);
  assert.deepEqual(
    client.channelData(0x4001, data).filter(({ to }) => to === peer),
    [],
    "the old 5-tuple is nobody's",
  );
  assert.equal(errorCodeOf(client.refresh()), 437);
  assert.equal(errorCodeOf(moved.refresh()), undefined);
  assert.equal(server.server.sizes.tuples, 1);
  moved.refresh(0);
  assertNothingLeft(server);
});

test("a Send indication shows it as well, and to another family it moves too", () => {
  const { server, client, relayed, ticket } = mobile();
  client.permit(peer);
  const moved = new TurnClient(server, at("[2001:db8:7::7]:5000"));
  assert.equal(errorCodeOf(moveBy(moved, ticket)), undefined);
  assert.equal(moved.send(peer, data).length, 1);
  const [back] = server.fromPeer(peer, relayed, data);
  assert.deepEqual([back?.port, back?.to], [1, moved.address]);
  assert.deepEqual(dataOf(back?.bytes ?? data), { peer, data });
});

test("so does a request: a client that binds a channel, permits or refreshes from its new place is there", () => {
  for (const ask of [
    (client: TurnClient) => client.bind(0x4001, peer),
    (client: TurnClient) => client.permit(peer),
    (client: TurnClient) => errorCodeOf(client.refresh()),
  ]) {
    const { server, client, relayed, ticket } = mobile();
    client.permit(peer);
    const moved = new TurnClient(server, away);
    moveBy(moved, ticket);
    assert.equal(ask(new TurnClient(server, away, minted("eve"))), 441);
    assert.deepEqual(server.fromPeer(peer, relayed, data)[0]?.to, home);
    assert.equal(ask(moved), undefined);
    assert.deepEqual(server.fromPeer(peer, relayed, data)[0]?.to, away);
  }
});

test("a Refresh that is repeated gets the same ticket; its ticket is good for nothing else", () => {
  const { server, ticket } = mobile();
  const moved = new TurnClient(server, away);
  const id = moved.transactionId();
  const [first, second] = [1, 2].map(() => moveBy(moved, ticket, id));
  assert(first && second);
  assert.deepEqual(ticketOf(first), ticketOf(second));
  assert.equal(errorCodeOf(moveBy(moved, ticket)), 400, "another request");
  assert.equal(errorCodeOf(moveBy(new TurnClient(server, farther), ticket, id)), 400, "from elsewhere");
  assert.equal(errorCodeOf(moveBy(new TurnClient(server, away, minted("eve")), ticket, id)), 400, "another user");
  assert.equal(errorCodeOf(moveBy(new TurnClient(server, farther), ticketOf(second))), undefined);
  assert.equal(errorCodeOf(moveBy(moved, ticket, id)), 437, "it is forgotten with the next move");
});

test("an Allocate that is repeated gets the same ticket", () => {
  const client = new TurnClient(new TurnServer(), home);
  const id = client.transactionId();
  assert.deepEqual(allocateMobile(client, id), allocateMobile(client, id));
});

test("a client may go from place to place without a word, and each is free when it has left", () => {
  const { server, relayed, ticket: first } = mobile();
  let ticket = first;
  for (let i = 0; i < 50; i++) {
    const moved = new TurnClient(server, at(`203.0.113.${i + 10}:5000`));
    ticket = ticketOf(moveBy(moved, ticket));
    assert(server.server.sizes.tuples <= 2);
    if (i % 7 === 0) assert.equal(moved.channelData(0x4001, data).length, 0);
  }
  assert.equal(server.server.sizes.allocations, 1);
  const last = new TurnClient(server, at("203.0.113.59:5000"));
  last.permit(peer);
  last.send(peer, data);
  assert.deepEqual(server.fromPeer(peer, relayed, data)[0]?.to, last.address);
  server.pass(600_000);
  assertNothingLeft(server);
});

test("the errors of RFC 8016 come in the cases that it names, and none of them moves anything", () => {
  const { server, client, relayed, ticket } = mobile();
  client.permit(peer);
  const moving = (from: Address, value: Uint8Array, credential?: Credential) =>
    errorCodeOf(moveBy(new TurnClient(server, from, credential), value));
  assert.equal(moving(home, ticket), 400, "it is there already");
  for (const bad of [
    new Uint8Array(0),
    data,
    new Uint8Array(32),
    ticket.with(0, 1 ^ (ticket[0] ?? 0)),
    ticket.with(31, 1 ^ (ticket[31] ?? 0)),
  ])
    assert.equal(moving(away, bad), 400);
  assert.equal(moving(away, ticket, minted("eve")), 441, "another user's");
  const other = new TurnClient(server, farther);
  other.relayed();
  assert.equal(moving(farther, ticket), 437, "an allocation is there");
  assert.equal(moving(connectPair(server).host.address, ticket), 437, "a session is there");
  assert.deepEqual(server.fromPeer(peer, relayed, data)[0]?.to, home);
  client.refresh(0);
  assert.equal(moving(away, ticket), 437, "it has ended");
  const restarted = new TurnServer();
  assert.equal(errorCodeOf(moveBy(new TurnClient(restarted, away), ticket)), 437, "the server has forgotten it");
});

test("a Refresh with a ticket and LIFETIME 0 ends the allocation, wherever it comes from", () => {
  const { server, ticket } = mobile();
  const answer = new TurnClient(server, away).ask(Method.refresh, (builder) =>
    builder.u32(Attribute.lifetime, 0).attribute(Attribute.mobilityTicket, ticket),
  );
  assert.deepEqual([u32Of(answer, Attribute.lifetime), answer.has(Attribute.mobilityTicket)], [0, false]);
  assertNothingLeft(server);
});
