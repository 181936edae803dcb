/** Clients whose allocations may move to another 5-tuple (RFC 8016). */
import assert from "node:assert/strict";
import type { Address } from "@fractal-punch/machine";
import { Attribute, errorCodeOf, Method, type StunMessage, xorAddress } from "@fractal-punch/wire";
import { at } from "./test-server.ts";
import { TurnClient, TurnServer } from "./test-turn.ts";

export interface Mobile {
  readonly server: TurnServer;
  readonly client: TurnClient;
  readonly relayed: Address;
  readonly ticket: Uint8Array;
}

/** A client with an allocation that may move. */
export function mobile(transport: "udp" | "tcp" = "udp"): Mobile {
  const server = new TurnServer({ limits: { unauthenticatedRate: { perSecond: 1e6, burst: 1e6 } } });
  const home = at("203.0.113.7:5000");
  if (transport === "tcp") server.dial(home);
  const client = new TurnClient(server, home, undefined, undefined, transport === "tcp" ? server.tcpPort : 0);
  return { server, client, ...allocateMobile(client) };
}

export function allocateMobile(client: TurnClient, id?: Uint8Array): Pick<Mobile, "relayed" | "ticket"> {
  const answer = client.allocate((builder) => builder.attribute(Attribute.mobilityTicket, new Uint8Array(0)), id);
  const relayed = xorAddress(answer, Attribute.xorRelayedAddress);
  assert(relayed);
  return { relayed, ticket: ticketOf(answer) };
}

export function moveBy(client: TurnClient, ticket: Uint8Array, id?: Uint8Array): StunMessage {
  return client.ask(Method.refresh, (builder) => builder.attribute(Attribute.mobilityTicket, ticket), id);
}

export function ticketOf(answer: StunMessage): Uint8Array {
  return answer.value(Attribute.mobilityTicket)?.slice() ?? assert.fail(`no ticket, but ${errorCodeOf(answer)}`);
}

export function assertNothingLeft(server: TurnServer): void {
  const { allocations, tuples } = server.server.sizes;
  assert.deepEqual([allocations, tuples, server.relays.size, server.server.nextWake()], [0, 0, 0, Infinity]);
}
