/** What became of each datagram: for assertions, and for reading after a failure. */
import { type Address, addressText } from "@fractal-punch/machine";

/** Why a datagram was not delivered. */
export type DropReason =
  | "lost"
  | "queue-full"
  | "too-large"
  | "cut"
  | "no-route"
  | "ttl"
  | "interface-down"
  | "no-socket"
  | "port-closed"
  | "bad-address"
  | "no-interface"
  | "no-hairpin"
  | "no-mapping"
  | "filtered"
  | "table-full"
  | "no-port";

/** One datagram; a duplicate made by a link has an entry of its own. */
export interface DatagramEntry {
  readonly sentAtMs: number;
  /** The sending node's name. */
  readonly from: string;
  /** The receiving node's name, when it was delivered. */
  to: string | undefined;
  deliveredAtMs: number | undefined;
  dropped: DropReason | undefined;
  /** The flags of a segment of TCP ("SYN ACK"); `undefined` for UDP. */
  readonly flags: string | undefined;
  /** Of UDP's payload, or TCP's. */
  readonly lengthBytes: number;
  /** -1 for an empty datagram. */
  readonly firstByte: number;
  /** The sender's own address and the address it sent to. */
  readonly source: Address;
  readonly target: Address;
  /** The sender's address as the receiver saw it, when it was delivered. */
  seenFrom: Address | undefined;
}

/** One line of text for one entry. */
export function entryText(entry: DatagramEntry): string {
  const way = `${entry.from} ${addressText(entry.source)} > ${addressText(entry.target)}`;
  const flags = entry.flags === undefined ? "" : `tcp ${entry.flags}, `;
  const what = `${flags}${entry.lengthBytes} bytes 0x${Math.max(entry.firstByte, 0).toString(16).padStart(2, "0")}`;
  const seen = entry.seenFrom === undefined ? "" : ` from ${addressText(entry.seenFrom)}`;
  const end = entry.dropped ?? (entry.to === undefined ? "on its way" : `${entry.to} at ${entry.deliveredAtMs}${seen}`);
  return `${entry.sentAtMs} ${way}, ${what}: ${end}`;
}
