/** What the machines of a peer tell the program around them, and what it tells them. */
import type { Address } from "@fractal-punch/machine";
import type { CloseReason, ErrorCode, HostRefusal, TlsEntrance, VerdictReason } from "@fractal-punch/wire";

/** Where a path begins and, as far as this end sees, ends. */
export interface PathEnds {
  /** "tls" where a network blocks UDP, between this end and the server. */
  readonly transport: "udp" | "tls";
  readonly local: Address | undefined;
  /** The server's address when relayed. */
  readonly remote: Address;
}

/** The path that datagrams take now. */
export interface PathStatus extends PathEnds {
  readonly kind: "relayed" | "direct";
  readonly rttMs: number | undefined;
}

/** What was tried for a direct path, and what came of it. */
export interface TriedPath {
  readonly kind: string;
  readonly address: Address;
  /** `answered`: proven once, not in use now. `one-way`: something authentic came, no probe came back. */
  readonly result: "in-use" | "answered" | "one-way" | "silent" | "not-tried";
  readonly rttMs: number | undefined;
}

export interface SessionStatus {
  readonly path: PathStatus | undefined;
  readonly reason: VerdictReason;
  readonly tried: readonly TriedPath[];
}

export type SessionEvent =
  | {
      readonly type: "data";
      readonly session: number;
      /** Lent: a copy is made of what is kept, or given to an application. */
      readonly data: Uint8Array;
      readonly via: "relayed" | "direct";
      readonly early: boolean;
    }
  /** The kind of path, or the path itself, changed. */
  | { readonly type: "path"; readonly session: number; readonly path: PathStatus }
  /** Datagrams of at most so many bytes can be sent from now on: what the path in use is proven to take, or what every path does. */
  | { readonly type: "limit"; readonly session: number; readonly maxDatagramBytes: number }
  /** `lost`: nothing authentic came for ten minutes. Otherwise the other end closed, or this one did. */
  | {
      readonly type: "closed";
      readonly session: number;
      readonly reason: CloseReason | "lost";
      readonly byPeer: boolean;
    };

/** The server does not answer. */
export interface UnreachableEvent {
  readonly type: "unreachable";
  /** Why TLS, too, came to nothing last, as the driver words it. */
  readonly tls?: string;
}

export type HostEvent =
  | UnreachableEvent
  /** `tls`: where the server takes TLS, as it said last. */
  | { readonly type: "registered"; readonly mapped: Address; readonly tls?: TlsEntrance }
  /** The server ended or refused the registration for good: 460-463, 466. The host has stopped. */
  | { readonly type: "ended"; readonly code: ErrorCode }
  /** A client names an invite that is not known here. It asks again in a moment: give `invites` before, if there are new ones. */
  | { readonly type: "unknown-invite" }
  | {
      readonly type: "session";
      readonly session: number;
      readonly clientKey: Uint8Array;
      readonly inviteId: Uint8Array;
    };

/** Why a client's first Connect came to nothing. */
export type ConnectFailure =
  /** `tls`: why TLS, too, came to nothing last, as the driver words it. */
  | { readonly kind: "server-unreachable"; readonly tls?: string }
  | { readonly kind: "refused"; readonly code: ErrorCode }
  | { readonly kind: "host-silent" }
  | { readonly kind: "host-refused"; readonly refusal: HostRefusal };

export type ClientEvent =
  | UnreachableEvent
  | { readonly type: "connected"; readonly session: number; readonly earlyDataTaken: boolean }
  | { readonly type: "failed"; readonly failure: ConnectFailure };

export type PeerEvent = SessionEvent | HostEvent | ClientEvent;

/** One address of this machine, with the length of its subnet's prefix. The port means nothing. */
export interface InterfaceAddress {
  readonly address: Address;
  readonly prefixBits: number;
}

/** What both kinds of peer are told. */
export type PeerCommand =
  | { readonly type: "start" }
  | { readonly type: "interfaces"; readonly interfaces: readonly InterfaceAddress[] }
  /** The server's addresses are others now, at most one for each family. */
  | { readonly type: "servers"; readonly servers: readonly Address[] }
  /** At most what `limit` said last; dropped where there is no session of that number, or no path that takes it. */
  | { readonly type: "send"; readonly session: number; readonly data: Uint8Array }
  | { readonly type: "close"; readonly session: number; readonly reason: CloseReason }
  /** Closes every session and every port. */
  | { readonly type: "stop" };
