/** All that the server knows, put together. */
import {
  type Address,
  type AddressKey,
  Deadlines,
  type Random,
  randomBytes,
  randomU32,
  type ServerPrimitives,
} from "@fractal-punch/machine";
import { asciiBytes, concatBytes, StunBuilder } from "@fractal-punch/wire";
import { AddressTable } from "./address-table.ts";
import { BucketRate } from "./bucket.ts";
import { Buckets } from "./buckets.ts";
import { Channels } from "./channels.ts";
import { Classic } from "./classic.ts";
import { Clock } from "./clock.ts";
import { Counters } from "./counters.ts";
import { DialledAddresses } from "./dialled-addresses.ts";
import { maxPaddedBytes } from "./discovery.ts";
import { type ForwardCounts, sharedForwardCounts } from "./forwarding/forward-counts.ts";
import { RelayForwarder } from "./forwarding/relay-forwarder.ts";
import { Rules } from "./forwarding/rules.ts";
import { HalfSipHash } from "./half-sip-hash.ts";
import { Introductions } from "./introductions.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { Nonces } from "./nonces.ts";
import { type ListenPort, Ports } from "./ports.ts";
import { PrefixBuckets } from "./prefix-buckets.ts";
import { Quotas } from "./quotas.ts";
import { Registrations } from "./registrations.ts";
import { Revocations } from "./revocations.ts";
import { Streams } from "./streams.ts";
import { Tickets } from "./tickets.ts";
import type { Timed } from "./timed.ts";
import { Tuples } from "./tuples.ts";
import { createTurnState, type TurnOptions, type TurnState } from "./turn/turn-state.ts";

/** `open`: tickets that anybody can mint are taken too, from proven addresses (docs/protocol.md section 3). */
export type Access = "tickets" | "open";

export interface ServerOptions {
  /** 43 characters of base64url. */
  readonly secret: string;
  readonly primitives: ServerPrimitives;
  readonly random: Random;
  readonly access: Access;
  /** Those of UDP. A port's place in this list is its `PortId`. With `classic` or `turn` the main ones are joined by TCP. */
  readonly ports: readonly ListenPort[];
  /** Serves the classic protocols, by TCP too. */
  readonly classic: boolean;
  /** Without it the server knows no TURN. */
  readonly turn?: TurnOptions;
  /** So many threads forward besides the driver's own; none when absent. */
  readonly forwardingThreads?: number;
  /** Those that differ from `defaultLimits`. */
  readonly limits?: Partial<Limits>;
}

/** Every rate that is kept for many at once. */
export interface StateBuckets {
  readonly bindings: PrefixBuckets;
  readonly unauthenticated: PrefixBuckets;
  readonly hints: Buckets<AddressKey>;
  readonly prefixHints: PrefixBuckets;
  /** By username. */
  readonly registers: Buckets<string>;
  /** By a client's username, or a host. */
  readonly reports: Buckets<string>;
  /** By host. */
  readonly hostIntroductions: Buckets<string>;
  /** Classic requests over UDP. */
  readonly classic: PrefixBuckets;
  /** Of clients. */
  readonly classicAsks: PrefixBuckets;
  /** To cloud computers. */
  readonly classicNotices: PrefixBuckets;
  /** Of clients. */
  readonly classicLogs: PrefixBuckets;
  readonly streams: PrefixBuckets;
  /** By username. */
  readonly dials: Buckets<string>;
}

/** Of the buckets that tickets have. */
interface StateRates {
  readonly connects: BucketRate;
  readonly introductions: BucketRate;
}

export interface ServerState {
  readonly limits: Limits;
  readonly ports: Ports;
  readonly primitives: ServerPrimitives;
  readonly random: Random;
  readonly clock: Clock;
  readonly deadlines: Deadlines<Timed>;
  readonly counters: Counters;
  readonly builder: StunBuilder;
  /** Random, once for each start. */
  readonly epoch: Uint8Array;
  /**
   * Under which others reach this machine, ports aside; without one of a family nothing is relayed from that family.
   * Several of one family are in the order of the addresses that the server listens on.
   */
  publicAddresses: readonly Address[];
  /** SHA-256 of the public key of the certificate in use, once it is told. */
  tlsKeyHash: Uint8Array | undefined;
  /** How hosts dialled this server last. */
  readonly dialled: DialledAddresses;
  readonly serverKey: { readonly secret: Uint8Array; readonly public: Uint8Array };
  readonly nonces: Nonces;
  readonly revocations: Revocations;
  readonly tickets: Tickets;
  readonly tuples: Tuples;
  readonly quotas: Quotas;
  /** What the forwarding plane may do. */
  readonly rules: Rules;
  readonly forwarder: RelayForwarder;
  /** What forwarders have relayed: that one, and those of threads. */
  readonly forwarded: readonly ForwardCounts[];
  readonly channels: Channels;
  readonly registrations: Registrations;
  readonly introductions: Introductions;
  readonly streams: Streams;
  /** Absent when switched off. */
  readonly classic: Classic | undefined;
  readonly turn: TurnState | undefined;
  readonly buckets: StateBuckets;
  readonly rates: StateRates;
}

/** Two for each pair of channels, and as many again for TURN's; what finds no room is relayed by the control plane. */
const maxRules = 524_288;

export function createState(options: ServerOptions): ServerState {
  const { primitives, random, forwardingThreads = 0 } = options;
  const limits: Limits = { ...defaultLimits, ...options.limits };
  const secret = asciiBytes(options.secret);
  const clock = new Clock();
  const deadlines = new Deadlines<Timed>();
  const revocations = new Revocations(limits.revocations);
  const ports = new Ports(options.ports, options.classic || options.turn !== undefined);
  const epoch = randomBytes(random, 8);
  // Whoever knows no secret of the operator's cannot tell what meets in a table; nor from what it was in the last process.
  const hash = new HalfSipHash(primitives.hmacSha256(secret, concatBytes(asciiBytes("fractal-punch tables"), epoch)));
  const tuples = new Tuples(ports, hash);
  const quotas = new Quotas(limits, clock, deadlines);
  const rules = new Rules(maxRules, randomU32(random), forwardingThreads > 0);
  const forwarder = new RelayForwarder(() => rules.memory);
  const channels = new Channels(tuples, quotas, rules, deadlines, clock, random, limits);
  const counters = new Counters();
  const buckets = createBuckets(limits, hash);
  const shared = { primitives, random, secret: options.secret, limits, clock, deadlines, revocations, tuples, rules };
  const streams = new Streams(limits, ports, counters.streams, buckets.streams, options.classic);
  const serverSecretKey = primitives.hmacSha256(secret, asciiBytes("fractal-punch server key"));
  return {
    limits,
    ports,
    primitives,
    random,
    clock,
    deadlines,
    counters,
    builder: new StunBuilder(maxPaddedBytes),
    epoch,
    publicAddresses: [],
    tlsKeyHash: undefined,
    dialled: new DialledAddresses(),
    serverKey: { secret: serverSecretKey, public: primitives.publicKey(serverSecretKey) },
    nonces: new Nonces(primitives, secret, epoch, limits.nonceLifeMs),
    revocations,
    tickets: new Tickets(primitives, options.secret, options.access === "open", clock, revocations, limits),
    tuples,
    quotas,
    rules,
    forwarder,
    forwarded: [forwarder.counts, ...Array.from({ length: forwardingThreads }, sharedForwardCounts)],
    channels,
    registrations: new Registrations(tuples, channels, deadlines, limits, hash),
    introductions: new Introductions(limits, hash),
    streams,
    classic: options.classic ? new Classic(ports, limits, counters.classic, streams, buckets) : undefined,
    turn: options.turn && createTurnState(options.turn, shared),
    buckets,
    rates: {
      connects: new BucketRate(limits.connectRate),
      introductions: new BucketRate(limits.clientIntroductionRate),
    },
  };
}

function createBuckets(limits: Limits, hash: HalfSipHash): StateBuckets {
  return {
    bindings: new PrefixBuckets(limits.bindingRate, limits.buckets),
    unauthenticated: new PrefixBuckets(limits.unauthenticatedRate, limits.buckets),
    // Networks are too few for that many of them to meet in one place of a `Map`, addresses with ports are not.
    hints: new Buckets(limits.hintRate, limits.buckets, () => new AddressTable(hash)),
    prefixHints: new PrefixBuckets(limits.prefixHintRate, limits.buckets),
    registers: new Buckets(limits.registerRate, limits.buckets),
    reports: new Buckets(limits.reportRate, limits.buckets),
    hostIntroductions: new Buckets(limits.hostIntroductionRate, limits.buckets),
    classic: new PrefixBuckets(limits.classicRate, limits.buckets),
    classicAsks: new PrefixBuckets(limits.classicAskRate, limits.buckets),
    classicNotices: new PrefixBuckets(limits.classicNoticeRate, limits.buckets),
    classicLogs: new PrefixBuckets(limits.classicLogRate, limits.buckets),
    streams: new PrefixBuckets(limits.streamRate, limits.buckets),
    dials: new Buckets(limits.dialRate, limits.buckets),
  };
}
