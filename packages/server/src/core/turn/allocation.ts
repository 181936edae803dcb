/** One TURN allocation (RFC 8656 section 3.2): a client's 5-tuple, its relayed addresses, and whom they let in. */
import {
  type Address,
  type AddressKey,
  addressKey,
  type Deadline,
  type Deadlines,
  type PortId,
  prefixKey,
} from "@fractal-punch/machine";
import type { ErrorCode } from "@fractal-punch/wire";
import type { Account } from "../quotas.ts";
import type { Timed } from "../timed.ts";
import type { Tuple } from "../tuples.ts";
import type { TurnUser } from "./credentials.ts";
import type { Mobility } from "./mobility.ts";
import type { RelayTransport } from "./wanted.ts";

/** One relayed transport address. */
export interface Relay {
  readonly port: PortId;
  /** As clients and peers know it. */
  readonly address: Address;
}

/** A family that was asked for in addition, and cannot be had. */
export interface RefusedFamily {
  readonly family: 4 | 6;
  readonly code: ErrorCode;
}

/** A number that stands for a peer (RFC 8656 section 12). */
export interface TurnChannel {
  readonly kind: "turn";
  readonly allocation: Allocation;
  readonly number: number;
  readonly peer: Address;
  endsAt: number;
}

const wholeAddress = { 4: 32, 6: 128 } as const;

export class Allocation {
  readonly kind = "allocation";
  readonly transport: RelayTransport;
  /** Where its client is. */
  tuple: Tuple;
  readonly user: TurnUser;
  /** The Allocate's: its repeat gets the same answer. */
  readonly transactionId: string;
  readonly account: Account | undefined;
  readonly deadline: Deadline<Timed>;
  relays: readonly Relay[] = [];
  refusedFamily: RefusedFamily | undefined;
  /** With which its client may have the port above its own. */
  reservationToken: Uint8Array | undefined;
  /** Of one that may go on from another 5-tuple. */
  mobility: Mobility | undefined;
  endsAt: number = 0;
  /** The cell of the bytes that may still be relayed before the account is asked again; absent while it does not live. */
  credit: number | undefined;
  /** What the forwarding plane keeps to. */
  readonly rules: number[] = [];
  /** When each permitted peer's permission ends, by IP address. Made with the first. */
  #permissions: Map<AddressKey, number> | undefined;
  /** The channels of all its 5-tuples. */
  channels: Map<number, TurnChannel> | undefined;
  #byPeer: Map<AddressKey, TurnChannel> | undefined;

  constructor(
    transport: RelayTransport,
    tuple: Tuple,
    user: TurnUser,
    transactionId: string,
    account: Account | undefined,
    deadlines: Deadlines<Timed>,
  ) {
    this.transport = transport;
    this.tuple = tuple;
    this.user = user;
    this.transactionId = transactionId;
    this.account = account;
    this.deadline = deadlines.create(this, "allocation ends");
  }

  /** Where its client is, and where it may be soon: none, when it is away. */
  get tuples(): readonly Tuple[] {
    if (this.mobility === undefined) return [this.tuple];
    const { isAway, next } = this.mobility;
    if (isAway) return [];
    return next === undefined ? [this.tuple] : [this.tuple, next];
  }

  relay(family: 4 | 6): Relay | undefined {
    return this.relays.find(({ address }) => address.family === family);
  }

  permits(now: number, peer: Address): boolean {
    return this.permittedUntil(peer) > now;
  }

  /** -Infinity for whom it never let in. */
  permittedUntil(peer: Address): number {
    return this.#permissions?.get(ipKey(peer)) ?? -Infinity;
  }

  /** Permits, or for longer: all of them, or none and false when they would be more than may be. */
  permit(peers: readonly Address[], endsAt: number, now: number, maximum: number): boolean {
    const permissions = (this.#permissions ??= new Map<AddressKey, number>());
    const keys = new Set(peers.map(ipKey));
    const room = (): boolean => permissions.size + [...keys].filter((key) => !permissions.has(key)).length <= maximum;
    if (!room()) for (const [old, end] of permissions) if (end <= now) permissions.delete(old);
    if (!room()) return false;
    for (const key of keys) permissions.set(key, endsAt);
    return true;
  }

  channel(now: number, number: number): TurnChannel | undefined {
    return live(now, this.channels?.get(number));
  }

  channelOf(now: number, peer: Address): TurnChannel | undefined {
    return live(now, this.#byPeer?.get(addressKey(peer)));
  }

  /** False when the number stands for another peer, or the peer has another number. */
  isBindable(now: number, number: number, peer: Address): boolean {
    return this.channel(now, number) === this.channelOf(now, peer);
  }

  /** Whether the number is bound, or may be without there being more channels than may be. */
  hasRoomFor(now: number, number: number, maximum: number): boolean {
    const { channels } = this;
    if (channels === undefined || channels.size < maximum || this.channel(now, number) !== undefined) return true;
    for (const channel of channels.values()) if (channel.endsAt <= now) this.#forgetChannel(channel);
    return channels.size < maximum;
  }

  /** Binds what is bindable, or binds it for longer. */
  bind(now: number, number: number, peer: Address, endsAt: number): void {
    const bound = this.channel(now, number);
    if (bound !== undefined) {
      bound.endsAt = endsAt;
      return;
    }
    this.#forgetChannel(this.channels?.get(number));
    this.#forgetChannel(this.#byPeer?.get(addressKey(peer)));
    const channel: TurnChannel = { kind: "turn", allocation: this, number, peer, endsAt };
    this.channels ??= new Map();
    for (const tuple of this.tuples) tuple.channels = this.channels;
    this.#byPeer ??= new Map();
    this.channels.set(number, channel);
    this.#byPeer.set(addressKey(peer), channel);
  }

  /** One that has ended, whose number or peer is wanted anew. */
  #forgetChannel(channel: TurnChannel | undefined): void {
    if (channel === undefined) return;
    this.channels?.delete(channel.number);
    this.#byPeer?.delete(addressKey(channel.peer));
  }
}

/** Permissions are for addresses, whatever the port (RFC 8656 section 9). */
function ipKey(peer: Address): AddressKey {
  return prefixKey(peer, wholeAddress[peer.family]);
}

function live(now: number, channel: TurnChannel | undefined): TurnChannel | undefined {
  return channel !== undefined && channel.endsAt > now ? channel : undefined;
}
