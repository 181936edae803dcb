/**
 * The server as a machine: a datagram in, answers, introductions and relayed datagrams out (docs/protocol.md). This file
 * decides what a datagram is and who takes it; each taker is a file of its own.
 */
import {
  type Address,
  type DatagramInfo,
  type DriverCommand,
  type Forwarder,
  type Machine,
  noInfo,
  type Outbox,
  type PortId,
  type SendOptions,
  unreachable,
} from "@fractal-punch/machine";
import { datagramKind, maxPayloadBytes, StunMessage } from "@fractal-punch/wire";
import { ask } from "./asking.ts";
import { isTurnChannelData, relayChannelData } from "./channel-data.ts";
import type { Counters } from "./counters.ts";
import { isPaddedBinding } from "./discovery.ts";
import type { ServerEvent } from "./events.ts";
import type { ForwardingTask } from "./forwarding/relay-forwarder.ts";
import { hintNoChannel } from "./no-channel.ts";
import type { Drop } from "./outcome.ts";
import type { Question } from "./question.ts";
import { endRegistration, hostStreamEnded, wakeRegistration, wakeRegistrations } from "./register.ts";
import { type Sizes, sizesOf } from "./sizes.ts";
import { createState, type ServerOptions, type ServerState } from "./state.ts";
import type { Timed } from "./timed.ts";
import type { Tuple } from "./tuples.ts";
import { abandon } from "./turn/allocate.ts";
import { endAllocation } from "./turn/end-allocation.ts";
import { allocationStreamEnded } from "./turn/move.ts";
import { relayPiece, streamOfPipeEnded, wakePipe } from "./turn/piping.ts";
import { hearRelayNews } from "./turn/relay-news.ts";
import { publishChannels } from "./turn/relay-rules.ts";
import { relayFromPeer } from "./turn/relaying.ts";

export type ServerCommand =
  /** Opens the ports. */
  | { readonly type: "start" }
  /**
   * The addresses under which others reach this machine, ports aside (`ServerState.publicAddresses`), and those of its
   * interfaces.
   */
  | { readonly type: "public-addresses"; readonly addresses: readonly Address[]; readonly own: readonly Address[] }
  /** The certificate with which TLS is served; `keyHash` is the SHA-256 of its public key (SubjectPublicKeyInfo, DER). */
  | { readonly type: "certificate"; readonly keyHash: Uint8Array }
  /** `usernameHash` as `revocationHash` makes it; `expirySeconds` since 1970, from when on it need not be remembered. */
  | { readonly type: "revoke"; readonly usernameHash: string; readonly expirySeconds: number };

export class Server implements Machine<ServerCommand, ServerEvent> {
  readonly #state: ServerState;
  readonly #message = new StunMessage();

  constructor(options: ServerOptions) {
    this.#state = createState(options);
  }

  /** As `Machine.forwarder`. */
  get forwarder(): Forwarder {
    return this.#state.forwarder;
  }

  get counters(): Counters {
    const { counters, forwarded } = this.#state;
    counters.learnForwarded(forwarded);
    return counters;
  }

  /** What the forwarding thread of that number works with, for a server that was made with so many. */
  forwardingTask(index: number): ForwardingTask {
    const { rules, forwarded } = this.#state;
    const { rules: count, seed, buffer } = rules.memory;
    return { rules: count, seed, buffer, counts: forwarded[index + 1]?.numbers.buffer ?? new ArrayBuffer(0) };
  }

  get sizes(): Sizes {
    return sizesOf(this.#state);
  }

  receive(
    now: number,
    port: PortId,
    from: Address,
    bytes: Uint8Array,
    info: DatagramInfo,
    out: Outbox<ServerEvent>,
  ): void {
    if (this.#state.ports.isStream(port)) this.#receiveStream(now, port, from, bytes, out);
    else this.#receiveMessage(now, port, from, bytes, info, out);
  }

  wake(now: number, out: Outbox<ServerEvent>): void {
    const { deadlines, introductions, streams, classic } = this.#state;
    deadlines.takeDue(now, ({ owner }) => this.#end(now, owner, out));
    wakeRegistrations(this.#state, now, out);
    introductions.wake(now);
    streams.wake(now, out);
    this.#streamsGone(now, out);
    classic?.wake(now, out);
  }

  command(now: number, command: ServerCommand | DriverCommand, out: Outbox<ServerEvent>): void {
    const { ports, clock, streams, turn } = this.#state;
    switch (command.type) {
      case "start":
        return ports.open(out);
      case "clock":
        return clock.set(now, command.epochMs);
      case "port-opened":
        if (turn && hearRelayNews({ state: this.#state, turn, now, out }, command)) return;
        return ports.opened(command.port, command.local, out);
      case "port-failed":
        if (turn && hearRelayNews({ state: this.#state, turn, now, out }, command)) return;
        return ports.failed(command.port, command.code, out);
      case "stream-full":
        if (turn) hearRelayNews({ state: this.#state, turn, now, out }, command);
        return;
      case "stream-opened":
        if (turn && hearRelayNews({ state: this.#state, turn, now, out }, command)) return;
        streams.opened(now, command.port, command.from, out);
        return this.#streamsGone(now, out);
      case "stream-ended":
        streams.ended(command.port, command.from);
        return this.#streamGone(now, command.port, command.from, out);
      case "public-addresses":
        return this.#learnAddresses(now, command.addresses, command.own);
      case "certificate":
        this.#state.tlsKeyHash = command.keyHash;
        return;
      case "revoke":
        return this.#revoke(now, command.usernameHash, command.expirySeconds, out);
      default:
        unreachable(command);
    }
  }

  nextWake(): number {
    const { deadlines, registrations, introductions, streams, classic } = this.#state;
    return Math.min(
      deadlines.next(),
      registrations.legs.nextEnd,
      introductions.nextEnd,
      streams.endsAt,
      classic?.endsAt ?? Infinity,
    );
  }

  #learnAddresses(now: number, addresses: readonly Address[], own: readonly Address[]): void {
    const { turn, rules } = this.#state;
    this.#state.publicAddresses = addresses;
    if (turn === undefined) return;
    turn.policy.learnOwn([...addresses, ...own]);
    for (const allocation of turn.allocations.all()) publishChannels(rules, turn, now, allocation);
  }

  #receiveMessage(
    now: number,
    port: PortId,
    from: Address,
    bytes: Uint8Array,
    info: DatagramInfo,
    out: Outbox<ServerEvent>,
  ): void {
    const { counters, tuples, classic, turn } = this.#state;
    const { ecn } = info;
    const tuple = tuples.find(port, from);
    if (turn !== undefined && relayFromPeer({ state: this.#state, turn, now, out, ecn }, port, from, bytes)) return;
    if (isTurnChannelData(bytes, tuple)) return this.#relay(now, port, from, tuple, bytes, ecn, out);
    if (bytes.length > maxPayloadBytes && tuple?.allocation === undefined && !isPaddedBinding(bytes))
      return counters.dropped.add("too-large");
    if (from.port === 0) return counters.dropped.add("bad-source");
    const options = localOf(info);
    if (classic?.receive(now, port, from, bytes, options, out) === true) return;
    switch (datagramKind(bytes)) {
      case "channel-data":
        return this.#relay(now, port, from, tuple, bytes, ecn, out);
      case "stun":
        return this.#ask(bytes, { now, port, from, message: this.#message, tuple, options, out });
      case "session":
      case "unknown":
        return this.#drop(bytes, "not-ours");
    }
  }

  #receiveStream(now: number, port: PortId, from: Address, piece: Uint8Array, out: Outbox<ServerEvent>): void {
    const { streams, classic, turn, tuples } = this.#state;
    const stream = streams.push(port, from, piece);
    if (stream === undefined) return;
    for (let message = streams.next(now, stream, out); message; message = streams.next(now, stream, out)) {
      if (stream.isRaw && turn) relayPiece({ state: this.#state, turn, now, out }, port, from, message);
      else if (stream.isClassic) classic?.receiveStream(now, port, from, message, out);
      else this.#receiveMessage(now, port, from, message, noInfo, out);
    }
    if (!stream.isOpen) return this.#streamGone(now, port, from, out);
    if (stream.isTrusted && (tuples.find(port, from)?.trust ?? 0) === 0) streams.distrust(now, stream);
  }

  #streamsGone(now: number, out: Outbox<ServerEvent>): void {
    for (const { port, from } of this.#state.streams.takeGivenUp()) this.#streamGone(now, port, from, out);
  }

  /** What was there for it ends. */
  #streamGone(now: number, port: PortId, from: Address, out: Outbox<ServerEvent>): void {
    const { classic, tuples, turn, channels } = this.#state;
    classic?.streamEnded(port, from);
    if (turn !== undefined) streamOfPipeEnded({ state: this.#state, turn, now, out }, port, from);
    const tuple = tuples.find(port, from);
    if (tuple === undefined) return;
    hostStreamEnded(this.#state, now, tuple, out);
    channels.streamEnded(tuple);
    if (turn === undefined) return;
    const opening = turn.openings.on(tuple);
    if (opening !== undefined) abandon(this.#state, turn, now, opening, out);
    allocationStreamEnded(this.#state, turn, now, tuple, out);
  }

  /** What was meant for the classic protocols is counted as theirs. */
  #drop(bytes: Uint8Array, word: Drop): void {
    const { classic, counters } = this.#state;
    if (classic?.countFault(bytes) !== true) counters.dropped.add(word);
  }

  #relay(
    now: number,
    port: PortId,
    from: Address,
    tuple: Tuple | undefined,
    bytes: Uint8Array,
    ecn: number | undefined,
    out: Outbox<ServerEvent>,
  ): void {
    const { counters } = this.#state;
    const outcome = relayChannelData(this.#state, now, tuple, bytes, ecn, out);
    counters.relayed("channel-data", outcome, bytes);
    if (outcome === "no-channel" && tuple?.allocation === undefined)
      hintNoChannel(this.#state, now, port, from, bytes, tuple?.options, out);
  }

  #ask(bytes: Uint8Array, question: Question): void {
    const fault = question.message.load(bytes);
    if (fault === undefined) ask(this.#state, question);
    else this.#drop(bytes, fault);
  }

  #end(now: number, owner: Timed, out: Outbox<ServerEvent>): void {
    const state = this.#state;
    switch (owner.kind) {
      case "registration":
        return wakeRegistration(state, now, owner, out);
      case "pair":
        return state.channels.wake(now, owner);
      case "account":
        return state.quotas.wake(now, owner);
      case "reservation":
        return state.turn?.reservations.end(owner, out);
      case "pipe":
        if (state.turn !== undefined) wakePipe({ state, turn: state.turn, now, out }, owner);
        return;
      case "allocation":
        if (state.turn !== undefined) endAllocation(state, state.turn, now, owner, out);
        return;
      default:
        unreachable(owner);
    }
  }

  /** Ends all that the ticket, and those derived from it, admitted. Looks at everything there is: revoking is rare. */
  #revoke(now: number, usernameHash: string, expirySeconds: number, out: Outbox<ServerEvent>): void {
    const { revocations, clock, tickets, registrations, channels, turn } = this.#state;
    if (!revocations.add(usernameHash, expirySeconds * 1000, clock.epochMs(now)))
      out.emit({ type: "revocations-full" });
    for (const registration of registrations.under((ticket) => tickets.isRevoked(ticket)))
      endRegistration(this.#state, registration, "revoked", out);
    channels.endIf((pair) => tickets.isRevoked(pair.ticket));
    if (turn === undefined) return;
    for (const allocation of turn.allocations.all())
      if (turn.credentials.isRevoked(allocation.user)) endAllocation(this.#state, turn, now, allocation, out);
  }
}

/** Answers leave from the address that was asked, where the driver says which that was. */
function localOf(info: DatagramInfo): SendOptions | undefined {
  return info.local && { local: info.local };
}
