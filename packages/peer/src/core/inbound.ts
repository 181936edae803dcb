/** Sorts a peer's incoming datagrams: answers of the server, and session datagrams, direct or out of ChannelData. */
import { type Address, type PortId, sameAddress, sameIp } from "@fractal-punch/machine";
import { channelDataNumber, channelDataPayload, datagramKind, PacketType, type StunMessage } from "@fractal-punch/wire";
import type { Out } from "./context.ts";
import type { Route } from "./route.ts";
import type { ServerLink } from "./server-link.ts";
import { sealedHeader } from "./session-keys.ts";
import type { SessionTable } from "./session-table.ts";
import type { Uplink } from "./uplink.ts";

export interface InboundHandlers {
  /** A well-formed STUN message from the server's address. */
  stun(now: number, link: ServerLink, message: StunMessage, out: Out): void;
  /** A session datagram that is no sealed packet: a knock, or a second message. */
  greeting(now: number, route: Route, bytes: Uint8Array, out: Out): void;
}

/** What a peer counts of datagrams that came to nothing. */
export type InboundFault =
  | "unknown"
  | "not-from-server"
  | "bad-stun"
  | "bad-channel-data"
  | "unknown-index"
  | "bad-packet"
  /** It was to be sent, over a path that did not take so much any more. */
  | "too-large";

export class Inbound {
  readonly faults: Map<InboundFault, number> = new Map();
  readonly #message: StunMessage;
  readonly #table: SessionTable;
  readonly #uplink: Uplink;
  readonly #handlers: InboundHandlers;

  constructor(message: StunMessage, table: SessionTable, uplink: Uplink, handlers: InboundHandlers) {
    this.#message = message;
    this.#table = table;
    this.#uplink = uplink;
    this.#handlers = handlers;
  }

  /** A datagram, or a piece of the TLS connection; `link`: the port's. */
  receive(now: number, port: PortId, link: ServerLink | undefined, from: Address, bytes: Uint8Array, out: Out): void {
    if (port === this.#uplink.port) return this.#receivePiece(now, bytes, out);
    this.#uplink.heard(now, link, from, bytes, out);
    this.#sort(now, port, link, from, bytes, out);
  }

  /** What came over TLS counts as received by the socket that it stands in for. */
  #receivePiece(now: number, piece: Uint8Array, out: Out): void {
    const uplink = this.#uplink;
    uplink.push(piece);
    for (let message = uplink.next(now, out); message; message = uplink.next(now, out)) {
      const { carried } = uplink;
      if (carried) this.#sort(now, carried.port, carried, carried.server, message, out);
    }
  }

  #sort(now: number, port: PortId, link: ServerLink | undefined, from: Address, bytes: Uint8Array, out: Out): void {
    switch (datagramKind(bytes)) {
      case "stun":
        this.#receiveStun(now, link, from, bytes, out);
        return;
      case "channel-data":
        this.#receiveChannelData(now, link, from, bytes, out);
        return;
      case "session":
        this.#receiveSession(now, { kind: "direct", port, remote: from }, bytes, out);
        return;
      case "unknown":
        this.count("unknown");
    }
  }

  #receiveStun(now: number, link: ServerLink | undefined, from: Address, bytes: Uint8Array, out: Out): void {
    if (!link || !sameIp(from, link.server)) this.count("not-from-server");
    else if (this.#message.load(bytes) !== undefined) this.count("bad-stun");
    else if (!link.receive(now, this.#message, out)) this.#handlers.stun(now, link, this.#message, out);
  }

  #receiveChannelData(now: number, link: ServerLink | undefined, from: Address, bytes: Uint8Array, out: Out): void {
    const channel = channelDataNumber(bytes);
    if (!link || !sameAddress(from, link.server)) this.count("not-from-server");
    else if (channel === undefined) this.count("bad-channel-data");
    else {
      const route: Route = { kind: "relayed", port: link.port, remote: from, channel };
      this.#receiveSession(now, route, channelDataPayload(bytes), out);
    }
  }

  #receiveSession(now: number, route: Route, bytes: Uint8Array, out: Out): void {
    if (bytes[0] !== PacketType.sealed) {
      this.#handlers.greeting(now, route, bytes, out);
      return;
    }
    const header = sealedHeader(bytes);
    const found = header && this.#table.find(header.index);
    if (!found) this.count("unknown-index");
    else if (!found.session.receive(now, found.keys, bytes, header, route, out)) this.count("bad-packet");
  }

  count(fault: InboundFault): void {
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1);
  }
}
