/** Every maximum, lifetime and rate of the server. An operator may change them; reaching one is counted and harmless. */
import type { Rate } from "./bucket.ts";

export interface Limits {
  /** Registered hosts, and those that are held for their live channels. */
  readonly registrations: number;
  /** Host ids that one host ticket may register. */
  readonly idsPerTicket: number;
  /** Instances of one host that were replaced and are remembered, so that they are told so and cannot be replayed. */
  readonly replacedInstances: number;
  /** Records of introductions. */
  readonly introductions: number;
  /** Channel pairs. */
  readonly channels: number;
  /** Channels on one 5-tuple; no more than the 4,096 numbers there are. */
  readonly channelsPerTuple: number;
  /** Tickets whose keys are remembered. */
  readonly tickets: number;
  /** Revoked usernames. */
  readonly revocations: number;
  /** Names of hosts whose relayed bytes are counted. */
  readonly accounts: number;
  /** Entries in each table of token buckets; those beyond share one bucket. */
  readonly buckets: number;
  /** Requests in each table of the classic protocols: clients and VMs of the first, posts by UDP and by TCP of the second. */
  readonly classicEntries: number;
  /** Requests from one address in such a table. */
  readonly classicEntriesPerAddress: number;
  /** Clients that wait for one VM. */
  readonly classicQueue: number;
  /** Those of one address among them. */
  readonly classicQueuePerAddress: number;
  /** TURN allocations; each takes a socket, or two. */
  readonly allocations: number;
  /** Of one username. */
  readonly allocationsPerUser: number;
  /** Addresses that one allocation lets in. */
  readonly permissionsPerAllocation: number;
  /** TURN channels of one allocation. */
  readonly channelsPerAllocation: number;
  /** TCP connections between TURN's clients and their peers. */
  readonly connections: number;
  /** Of one username. */
  readonly connectionsPerUser: number;
  /** TCP connections to the server; one of TLS counts as four. */
  readonly streams: number;
  /** From one address of IPv4, or one /64 of IPv6. */
  readonly streamsPerAddress: number;
  /** Those of hosts and clients that have proven themselves count apart, up to so many; the rest are like strangers'. */
  readonly provenStreamsPerAddress: number;

  /** LIFETIME of a registration: two refreshes of 60 s may be lost. */
  readonly registrationLifeMs: number;
  /** A record outlives the time for which its Connect passes the check of TIME. */
  readonly introductionLifeMs: number;
  readonly channelLifeMs: number;
  readonly unprovenChannelLifeMs: number;
  readonly nonceLifeMs: number;
  /** A ticket's key is forgotten one to two of these after its last use. */
  readonly ticketLifeMs: number;
  /** How far TIME may be from the server's. */
  readonly timeWindowMs: number;
  /** From its last POST, or from the last time that a client of the first generation asked. */
  readonly classicLifeMs: number;
  /** From the last time that a VM of the first generation asked: it may do so only once. */
  readonly classicVmLifeMs: number;
  /** The longest LIFETIME of an allocation. */
  readonly allocationLifeMs: number;
  /** What a TCP connection may take until its first request is whole. */
  readonly streamRequestMs: number;
  /** How long it may go without another whole message, as long as no allocation is on it. */
  readonly streamIdleMs: number;

  /** Binding requests from one prefix (IPv4 /24, IPv6 /64). */
  readonly bindingRate: Rate;
  /** Requests from one prefix that prove nothing, or whose proof is wrong. */
  readonly unauthenticatedRate: Rate;
  /** Hints at unknown channels to one address and port, so that one peer's stream does not take its neighbours' away. */
  readonly hintRate: Rate;
  /** The same to one prefix. */
  readonly prefixHintRate: Rate;
  /** Registers with a proof, under one host ticket. */
  readonly registerRate: Rate;
  /** Connects that are answered, repeats too, under one client ticket. */
  readonly connectRate: Rate;
  /** Reports under one client ticket, or from one host. */
  readonly reportRate: Rate;
  /** New introductions by one client ticket. */
  readonly clientIntroductionRate: Rate;
  /** New introductions to one host. */
  readonly hostIntroductionRate: Rate;
  /** Classic requests over UDP from one prefix. */
  readonly classicRate: Rate;
  /** ASKs over UDP from one prefix that are told to cloud computers. */
  readonly classicAskRate: Rate;
  /** ASKs over UDP that the cloud computers of one prefix are told of; of those beyond, one in eight. */
  readonly classicNoticeRate: Rate;
  /** Matches of clients from one prefix that are logged. */
  readonly classicLogRate: Rate;
  /** All matches that are logged. */
  readonly classicTotalLogRate: Rate;
  /** TCP connections from one prefix. */
  readonly streamRate: Rate;
  /** Peers that one user of TURN has connected to: a relay is not to search networks for ports. */
  readonly dialRate: Rate;

  /** Relayed bytes for the hosts of one name, both ways together; `Infinity` for no limit. */
  readonly relayBytesPerSecond: number;
  /** Relayed bytes for the hosts of one name until its ticket expires; `Infinity` for no limit. */
  readonly relayBytes: number;
}

export const defaultLimits: Limits = {
  registrations: 1_048_576,
  idsPerTicket: 1_000,
  replacedInstances: 8,
  introductions: 262_144,
  channels: 131_072,
  channelsPerTuple: 4_096,
  tickets: 65_536,
  revocations: 100_000,
  accounts: 1_048_576,
  buckets: 262_144,
  classicEntries: 131_072,
  classicEntriesPerAddress: 16,
  classicQueue: 64,
  classicQueuePerAddress: 4,
  allocations: 16_384,
  allocationsPerUser: 256,
  permissionsPerAllocation: 256,
  channelsPerAllocation: 256,
  connections: 4_096,
  connectionsPerUser: 256,
  streams: 8_192,
  streamsPerAddress: 64,
  provenStreamsPerAddress: 512,

  registrationLifeMs: 180_000,
  introductionLifeMs: 60_000,
  channelLifeMs: 60_000,
  unprovenChannelLifeMs: 5_000,
  nonceLifeMs: 600_000,
  ticketLifeMs: 600_000,
  timeWindowMs: 30_000,
  classicLifeMs: 30_000,
  classicVmLifeMs: 600_000,
  allocationLifeMs: 3_600_000,
  streamRequestMs: 10_000,
  streamIdleMs: 30_000,

  bindingRate: { perSecond: 200, burst: 1_000 },
  unauthenticatedRate: { perSecond: 100, burst: 200 },
  hintRate: { perSecond: 4, burst: 4 },
  prefixHintRate: { perSecond: 100, burst: 100 },
  registerRate: { perSecond: 200, burst: 1_000 },
  connectRate: { perSecond: 100, burst: 200 },
  reportRate: { perSecond: 5, burst: 20 },
  clientIntroductionRate: { perSecond: 10, burst: 20 },
  hostIntroductionRate: { perSecond: 50, burst: 100 },
  classicRate: { perSecond: 100, burst: 500 },
  classicAskRate: { perSecond: 20, burst: 100 },
  classicNoticeRate: { perSecond: 100, burst: 200 },
  classicLogRate: { perSecond: 1, burst: 20 },
  classicTotalLogRate: { perSecond: 50, burst: 500 },
  streamRate: { perSecond: 20, burst: 100 },
  dialRate: { perSecond: 10, burst: 100 },

  relayBytesPerSecond: Infinity,
  relayBytes: Infinity,
};
