/** What the load generator is asked to do, and what it tells. It takes the one as its argument, and prints the other. */

/** A way for datagrams through a process, or past all. */
export type Route =
  /** Requests to a STUN server, and its answers. */
  | { readonly kind: "binding"; readonly port: number }
  /** Channels of a TURN server, each of a client and a peer of its own: "out" to the peer, "in" to the client. */
  | {
      readonly kind: "turn";
      readonly port: number;
      readonly credentials: Credentials;
      readonly direction: "out" | "in";
    }
  /** Channels of sessions, from clients of their own to hosts of 100 clients each. */
  | { readonly kind: "session"; readonly port: number; readonly credentials: Credentials }
  /** Hosts that refresh their registrations, and clients that are introduced to them. */
  | { readonly kind: "refresh" | "introduction"; readonly port: number; readonly credentials: Credentials }
  /** A TURN client's first request, and its second. */
  | { readonly kind: "challenge" | "allocate"; readonly port: number; readonly credentials: Credentials }
  /** The bare forwarder. */
  | { readonly kind: "forwarder"; readonly port: number }
  /** From socket to socket. */
  | { readonly kind: "direct" };

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface Run {
  readonly name: string;
  readonly route: Route;
  /** Whose CPU time is told. */
  readonly pid: number;
  /** 5-tuples that take turns; hosts. */
  readonly flows: number;
  /** Behind a channel's header; of a Binding it means nothing. */
  readonly payloadBytes: number;
  /** So many datagrams leave as one; those of 1 leave each for itself. */
  readonly burst: number;
  /** Datagrams a second; as many as come back, when absent. */
  readonly perSecond?: number;
}

export interface Spec {
  readonly runs: readonly Run[];
  /** Each run comes so often, in turns with the others. */
  readonly rounds: number;
  readonly warmMs: number;
  readonly measureMs: number;
  /** Between the runs. */
  readonly restMs: number;
}

/** Of one run in one round. */
export interface Measured {
  readonly name: string;
  readonly round: number;
  /** Datagrams a second that arrived. */
  readonly perSecond: number;
  /** CPU time of the process for each of them. */
  readonly micros: number;
  /** Share of the time in which it had work to do: near 1 it is saturated. */
  readonly busy: number;
  /** Share of the datagrams that did not arrive. */
  readonly lost: number;
  /** Microseconds from sending to arrival; of paced runs only. */
  readonly latency?: Latency;
}

/** What a run does in one round. */
export interface Measurable {
  measure(round: number, spec: Spec): Measured;
}

export interface Latency {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
}
