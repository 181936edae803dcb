import type { Address } from "@fractal-punch/machine";
import type { VerdictReport } from "@fractal-punch/wire";
import type { ClassicMatch } from "./match-log.ts";
import type { ListenPort } from "./ports.ts";

/** `lapsed`: not refreshed. `left`: the host said so. `replaced`: another instance with the same key registered. */
export type RegistrationEnd = "lapsed" | "left" | "replaced" | "expired" | "revoked";

/** What the program around the server hears. Nothing in it is secret, so all of it may be logged. */
export type ServerEvent =
  | { readonly type: "listening"; readonly port: ListenPort; readonly local: Address }
  /** `code` is the system's word (EADDRINUSE, EACCES, EAFNOSUPPORT ...). */
  | { readonly type: "listen-failed"; readonly port: ListenPort; readonly code: string }
  /** A host is reachable now, or reachable at another address of that family. */
  | { readonly type: "registered"; readonly hostId: string; readonly name: string; readonly address: Address }
  | {
      readonly type: "registration-ended";
      readonly hostId: string;
      readonly name: string;
      readonly cause: RegistrationEnd;
    }
  | {
      readonly type: "introduced";
      readonly hostId: string;
      readonly name: string;
      /** The client's server-seen address. */
      readonly client: Address;
      readonly clientUsername: string;
    }
  | { readonly type: "report"; readonly hostId: string; readonly from: Address; readonly verdict: VerdictReport }
  /** A client and a cloud computer were told of each other by a classic protocol. */
  | ({ readonly type: "classic-matched" } & ClassicMatch)
  /** Every port is open, or was said not to open. */
  | { readonly type: "ready" }
  /** How a host dialled this server, when that is news. */
  | { readonly type: "public-address"; readonly address: Address }
  /** The revocation was not taken: the table is full. */
  | { readonly type: "revocations-full" };
