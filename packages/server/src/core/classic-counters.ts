/** What became of the classic protocols' requests, in words of a closed set. */
import type { ClassicFault } from "@fractal-punch/wire";
import type { Tally } from "./counters.ts";

/** Why a request was dropped. */
export type ClassicDrop =
  | ClassicFault
  /** A public port of 0. */
  | "port-0"
  /** It came over IPv6, which these protocols do not know. */
  | "ip6"
  /** It came to the second port. */
  | "wrong-port"
  | "prefix-rate"
  /** Asked too often for one network, or for a cloud computer that is told of too many clients. */
  | "notice-rate"
  | "table-full"
  /** So many posts by TCP wait from one address already. */
  | "address-full"
  /** So many clients wait for one VM already. */
  | "queue-full";

export type ClassicWord =
  | ClassicDrop
  | "text-client"
  | "text-vm"
  | "text-match"
  | `${"udp" | "tcp"}-${"post" | "match" | "missing"}`
  /** Nobody asked for it in its time. */
  | "expired"
  /** It went for a newer one. */
  | "made-room"
  /** The cloud computer closed the connection of its post. */
  | "post-left"
  /** A match that the log was not told of: there were too many. */
  | "unlogged";

export type ClassicCounts = Tally<ClassicWord>;
