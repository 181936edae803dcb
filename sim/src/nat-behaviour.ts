/** NATs and firewalls as data: RFC 4787's behaviours as parameters, and the usual combinations under their names. */
import type { Dependence, Refresh } from "./translator.ts";

/** How a NAT chooses an outside port (RFC 4787 section 4.2). None gives one port to two inside sockets at once. */
export type PortAllocation =
  /** The inside port, or the next free one above it. */
  | { readonly kind: "preserving" }
  /** The last one given out plus `step`. */
  | { readonly kind: "sequential"; readonly step: number }
  | { readonly kind: "random" }
  /** At random in a block of `sizePorts` that the inside IP address has for itself, as carriers do. */
  | { readonly kind: "random-in-block"; readonly sizePorts: number };

export interface NatBehaviour {
  readonly kind: "nat";
  readonly mapping: Dependence;
  readonly filtering: Dependence;
  readonly ports: PortAllocation;
  /** Between inside hosts: not at all, or so that the receiver sees the outside or the inside source (section 6). */
  readonly hairpin: "none" | "external-source" | "internal-source";
  readonly lifetimeMs: number;
  readonly refresh: Refresh;
  /** Pairs of a mapping and a remote that its filter tells apart; beyond them it refuses new ones. */
  readonly maxSessions: number;
  /** With several addresses: one for each inside host, or any for each mapping (section 4.1). */
  readonly pooling: "paired" | "arbitrary";
}

/**
 * Linux's connection tracking with masquerade: an entry for each pair of endpoints; the source port is kept while it
 * is free towards that destination, and is a random one otherwise.
 */
export interface LinuxBehaviour {
  readonly kind: "linux";
  /**
   * Takes unasked datagrams in for itself, as a router without a filter does. They make entries of their own, with
   * which a later datagram from inside can clash.
   */
  readonly takesUnasked: boolean;
  /** How long an entry lives until both sides have sent, and after that (net.netfilter.nf_conntrack_udp_timeout). */
  readonly unrepliedMs: number;
  readonly repliedMs: number;
  readonly maxSessions: number;
}

/** A stateful filter without translation, as home routers have for IPv6 (RFC 6092). */
export interface FirewallBehaviour {
  readonly kind: "firewall";
  readonly filtering: Dependence;
  readonly lifetimeMs: number;
  readonly refresh: Refresh;
  readonly maxSessions: number;
}

/** A router that lets everything pass. */
export interface NoBehaviour {
  readonly kind: "none";
}

export type RouterBehaviour = NatBehaviour | LinuxBehaviour | FirewallBehaviour | NoBehaviour;

/** Preserves ports, maps and filters whatever the destination: RFC 3489's full cone. Lives as RFC 4787 REQ-5 asks. */
export const fullCone: NatBehaviour = {
  kind: "nat",
  mapping: "endpoint-independent",
  filtering: "endpoint-independent",
  ports: { kind: "preserving" },
  hairpin: "none",
  lifetimeMs: 120_000,
  refresh: "outbound",
  maxSessions: 4096,
  pooling: "paired",
};

/** Lets those in whose IP address was sent to. */
export const restrictedCone: NatBehaviour = { ...fullCone, filtering: "address-dependent" };

/** Lets those in whose IP address and port were sent to: the usual home router. */
export const portRestrictedCone: NatBehaviour = { ...fullCone, filtering: "address-and-port-dependent" };

/** Another random port for each destination. */
export const symmetric: NatBehaviour = {
  ...portRestrictedCone,
  mapping: "address-and-port-dependent",
  ports: { kind: "random" },
};

/** The next port for each destination. */
export const symmetricSequential: NatBehaviour = { ...symmetric, ports: { kind: "sequential", step: 1 } };

/** A carrier's: another port for each destination, within 2,048 that the subscriber has for itself. */
export const symmetricInBlock: NatBehaviour = { ...symmetric, ports: { kind: "random-in-block", sizePorts: 2048 } };

/** nftables' masquerade on a router that takes unasked datagrams in: suffers the early packet clash. */
export const linuxMasquerade: LinuxBehaviour = {
  kind: "linux",
  takesUnasked: true,
  unrepliedMs: 30_000,
  repliedMs: 120_000,
  maxSessions: 65_536,
};

/** The same on a router that drops unasked datagrams, as most homes have it. */
export const linuxHomeRouter: LinuxBehaviour = { ...linuxMasquerade, takesUnasked: false };

/** IPv6 behind a home router: only answers come in. */
export const firewall: FirewallBehaviour = {
  kind: "firewall",
  filtering: "address-and-port-dependent",
  lifetimeMs: 120_000,
  refresh: "both",
  maxSessions: 4096,
};

/** 2 h 4 min (RFC 5382 REQ-5, RFC 6092 REC-35). */
const tcpLifetimeMs = 7_440_000;
/** net.netfilter.nf_conntrack_tcp_timeout_syn_sent and _established. */
const tcpUnrepliedMs = 120_000;
const tcpRepliedMs = 432_000_000;

/** What the same router does with TCP. Its entries live longer, and it does not look at what ends a connection. */
export function forTcp(behaviour: RouterBehaviour): RouterBehaviour {
  switch (behaviour.kind) {
    case "nat":
    case "firewall":
      return { ...behaviour, lifetimeMs: tcpLifetimeMs };
    case "linux":
      return { ...behaviour, unrepliedMs: tcpUnrepliedMs, repliedMs: tcpRepliedMs };
    case "none":
      return behaviour;
  }
}

/** A router that lets everything pass. */
export const none: NoBehaviour = { kind: "none" };
