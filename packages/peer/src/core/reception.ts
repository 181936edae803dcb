/** How a host takes its clients in: introductions, their repeats and resumes, and knocks. */
import { equalBytes } from "@fractal-punch/machine";
import { asciiText, type FirstPayload, type HostRefusal, type Introduction, knockTag } from "@fractal-punch/wire";
import type { Out, PeerContext } from "./context.ts";
import {
  acceptFirst,
  encodeRefusal,
  type FirstMessage,
  Greeting,
  type IssuedInvite,
  inviteRefusal,
  openFirst,
} from "./greeting.ts";
import { Greetings } from "./greetings.ts";
import type { Guest, Guests } from "./guests.ts";
import type { Path } from "./path.ts";
import { type RelayedRoute, type Route, sendOn } from "./route.ts";
import type { ServerLink } from "./server-link.ts";
import { Session, type SessionOwner } from "./session.ts";
import { SessionKeys, sealedHeader } from "./session-keys.ts";
import type { SessionTable } from "./session-table.ts";
import type { Sockets } from "./sockets.ts";
import { ephemeralMs, maxSessions, timeToleranceMs } from "./timing.ts";

const maxStrangeInvites = 256;

/** One introduction on its way through the host. */
interface Arrival {
  readonly transactionId: Uint8Array;
  readonly introduction: Introduction;
  readonly relay: RelayedRoute;
}

export interface ReceptionParts {
  readonly table: SessionTable;
  readonly sockets: Sockets;
  readonly guests: Guests;
  /** The machine that the sessions live in. */
  readonly owner: SessionOwner;
  readonly earlyData: boolean;
}

export class Reception {
  invites: readonly IssuedInvite[];
  /** When the host started; early data sealed before is not taken, since the guard against replay is not older. */
  openedAtMs = 0;
  readonly #context: PeerContext;
  readonly #parts: ReceptionParts;
  readonly #greetings: Greetings;
  /** Invites that clients named and nobody knew, once looked for. */
  readonly #strangeInvites = new Set<string>();
  #nextSession = 1;

  constructor(context: PeerContext, parts: ReceptionParts, invites: readonly IssuedInvite[]) {
    this.#context = context;
    this.#parts = parts;
    this.invites = invites;
    this.#greetings = new Greetings(context);
  }

  /** The host stops: nothing that comes is answered any more. */
  close(): void {
    this.#greetings.clear();
  }

  findInvite(id: Uint8Array): IssuedInvite | undefined {
    return this.invites.find((invite) => equalBytes(invite.id, id));
  }

  /** An Introduce whose signature is the server's. */
  receiveIntroduction(
    now: number,
    link: ServerLink,
    transactionId: Uint8Array,
    introduction: Introduction,
    out: Out,
  ): void {
    const { channel, approach } = introduction;
    const relay: RelayedRoute = { kind: "relayed", port: link.port, remote: link.server, channel };
    const arrival: Arrival = { transactionId: transactionId.slice(), introduction, relay };
    if (approach?.kind === "first") this.#receiveFirst(now, arrival, approach.message, out);
    else if (approach?.kind === "resume") this.#receiveResume(now, arrival, approach.packet, out);
    else if (introduction.proven) this.#clientSeen(now, this.#parts.guests.findByChannel(relay), arrival, out);
  }

  receiveKnock(now: number, route: Route, bytes: Uint8Array, out: Out): void {
    const tag = knockTag(bytes, "client");
    const greeting = tag && this.#greetings.findByTag(tag);
    if (!greeting || greeting.session.closed || route.kind !== "direct") return;
    if (!greeting.authentic(this.#context, bytes) || !greeting.mayAnswer(route.remote)) return;
    const { keeper } = greeting.session;
    // It proves nothing: it could be a copy, and who has the keys of a session can forge where a datagram comes from.
    const isProven = keeper.paths.find(route)?.allowance === Infinity;
    const path = keeper.addSeen(now, route, "peer-reflexive", isProven);
    keeper.send(greeting.packet, [path], out);
    greeting.session.settle(now, out);
  }

  #receiveFirst(now: number, arrival: Arrival, message: Uint8Array, out: Out): void {
    const repeated = this.#greetings.find(message.subarray(0, 32));
    if (repeated) {
      this.#welcomeAgain(now, arrival, repeated, out);
      return;
    }
    const first = openFirst(this.#context, this.#parts.owner.ownKeys, message);
    if (!first) return;
    const refusal = this.#refusalOf(now, first);
    if (refusal === "unknown-invite" && this.#mayBeNew(first.payload)) {
      out.emit({ type: "unknown-invite" });
      return;
    }
    if (first.payload === "version" || refusal) {
      const packet = encodeRefusal(this.#context, first, refusal ?? "version");
      if (packet) sendOn(arrival.relay, packet, out);
      return;
    }
    this.#accept(now, arrival, first, first.payload, out);
  }

  #refusalOf(now: number, { state, payload }: FirstMessage): HostRefusal | undefined {
    if (payload === "version") return "version";
    const timeMs = this.#context.clock.serverMs(now);
    // The time is the server's, and a server that lies about it must not bring back what the memory of keys has let go.
    if (Math.abs(payload.timeMs - timeMs) > timeToleranceMs) return "time-off";
    if (payload.timeMs <= this.#greetings.forgottenTimeMs) return "time-off";
    const refusal = inviteRefusal(this.#context, state, payload, this.findInvite(payload.inviteId), timeMs);
    if (refusal) return refusal;
    const isMore = this.#continued(state.initiatorStatic, payload) === undefined;
    return (isMore && this.#parts.guests.size >= maxSessions) || this.#greetings.full ? "host-full" : undefined;
  }

  /** An invite may have been made a moment ago by another process: the first to name it is answered when it asks again. */
  #mayBeNew(payload: FirstMessage["payload"]): boolean {
    if (payload === "version" || this.findInvite(payload.inviteId)) return false;
    const id = asciiText(payload.inviteId);
    if (this.#strangeInvites.has(id)) return false;
    if (this.#strangeInvites.size >= maxStrangeInvites) this.#strangeInvites.clear();
    this.#strangeInvites.add(id);
    return true;
  }

  #accept(now: number, arrival: Arrival, { state }: FirstMessage, payload: FirstPayload, out: Out): void {
    const { table, owner } = this.#parts;
    const index = table.newIndex();
    const earlyData = this.#takenEarlyData(payload);
    const accepted = acceptFirst(this.#context, state, payload, {
      earlyDataTaken: earlyData !== undefined,
      profile: owner.ownProfile(),
      candidates: owner.ownCandidates(),
      index,
    });
    if (!accepted) return;
    const { session } = this.#guestFor(now, state.initiatorStatic, payload, out);
    const greeting = new Greeting(session, accepted.packet, payload, now + ephemeralMs);
    this.#greetings.add(state.initiatorEphemeral, greeting);
    session.learnCandidates(payload.profile, payload.candidates);
    const keys = new SessionKeys(this.#context.primitives, accepted.keys, index, payload.index, now);
    session.establish(now, keys, out, accepted.packet);
    this.#welcome(now, arrival, greeting, false, out);
    owner.probeNamed(now, session, out);
    // A neighbour has it long before the relay brings it.
    const neighbours = session.keeper.paths.all.filter(({ near, proven }) => near && !proven);
    session.keeper.send(accepted.packet, neighbours, out);
    if (earlyData) out.emit({ type: "data", session: session.id, data: earlyData, via: "relayed", early: true });
  }

  /** The session that the client names, if it is its own. */
  #continued(clientKey: Uint8Array, payload: FirstPayload): Guest | undefined {
    const { table, guests } = this.#parts;
    const old = payload.continues === undefined ? undefined : table.find(payload.continues)?.session;
    return old && equalBytes(old.remoteKey, clientKey) ? guests.find(old.id) : undefined;
  }

  /** The session that the client goes on with, if it is its own; else a new one. */
  #guestFor(now: number, clientKey: Uint8Array, payload: FirstPayload, out: Out): Guest {
    const { table, guests, owner } = this.#parts;
    const continued = this.#continued(clientKey, payload);
    if (continued) return continued;
    const options = { id: this.#nextSession++, remoteKey: clientKey };
    const guest = guests.add(new Session(this.#context, table, owner, options, now), payload.inviteId);
    out.emit({ type: "session", session: options.id, clientKey, inviteId: payload.inviteId });
    return guest;
  }

  /**
   * A client repeats its first message under one transaction id. Under another, whoever saw the message has brought it,
   * perhaps even before the client could: it counts only until the client has shown that it has the keys.
   */
  #welcomeAgain(now: number, arrival: Arrival, greeting: Greeting, out: Out): void {
    const { guests } = this.#parts;
    const guest = guests.find(greeting.session.id);
    const isOwn = guest && guests.cameBy(guest, arrival.transactionId);
    if (isOwn || !greeting.session.confirmed) this.#welcome(now, arrival, greeting, true, out);
  }

  /** Notes by which channel and from where the client came, and sends the second message both ways. */
  #welcome(now: number, arrival: Arrival, greeting: Greeting, isRepeat: boolean, out: Out): void {
    const { guests } = this.#parts;
    const guest = guests.find(greeting.session.id);
    if (!guest) return;
    guests.introduced(guest, arrival.transactionId, arrival.relay, isRepeat);
    const { session } = guest;
    const relay = session.addRelay(now, arrival.relay, out);
    const direct = this.#clientSeen(now, guest, arrival, out);
    session.keeper.send(greeting.packet, direct ? [direct, relay] : [relay], out);
  }

  /** The server saw the client at an address; whether it is proven, the introduction says. */
  #clientSeen(now: number, guest: Guest | undefined, { introduction }: Arrival, out: Out): Path | undefined {
    const { client: remote } = introduction;
    const link = remote && this.#parts.sockets.ofFamily(remote.family);
    if (!guest || !link) return undefined;
    const route: Route = { kind: "direct", port: link.port, remote };
    const path = guest.session.keeper.addSeen(now, route, "server-reflexive", introduction.proven);
    guest.session.settle(now, out);
    return path;
  }

  #receiveResume(now: number, arrival: Arrival, packet: Uint8Array, out: Out): void {
    const header = sealedHeader(packet);
    const found = header && this.#parts.table.find(header.index);
    const guest = found && this.#parts.guests.find(found.session.id);
    if (!found || !guest || !guest.session.resume(now, found.keys, packet, header)) return;
    if (this.#parts.guests.isOvertaken(guest, arrival.transactionId, header)) return;
    this.#parts.guests.introduced(guest, arrival.transactionId, arrival.relay, false);
    guest.session.keeper.paths.direct?.doubt(now);
    const relay = guest.session.addRelay(now, arrival.relay, out);
    guest.session.sendFrameOn(now, relay.route, { kind: "resumed" }, out);
    this.#clientSeen(now, guest, arrival, out);
  }

  #takenEarlyData(payload: FirstPayload): Uint8Array | undefined {
    const openedMs = this.#context.clock.serverMs(this.openedAtMs);
    return this.#parts.earlyData && payload.timeMs >= openedMs ? payload.earlyData : undefined;
  }
}
