import { isMainThread } from "node:worker_threads";
import type { Abilities } from "@fractal-punch/machine";
import { type BatchIo, sharedBatchIo } from "./batch/batch-io.ts";

/** How sockets of UDP are read and written: one datagram at a time by node:dgram, or in batches by Linux's own calls. */
export type DriverKind = "dgram" | "batch";

export interface DatagramDriver {
  readonly kind: DriverKind;
  /** For people: why it is this one. */
  readonly reason: string;
  readonly io: BatchIo | undefined;
}

/** A TTL set around a send of node:dgram is the datagram's own, because `DatagramPort` sends within the call. */
export const abilities: Readonly<Record<DriverKind, Abilities>> = {
  dgram: { ttl: true, dontFragment: false, ecn: false, localAddress: false },
  batch: { ttl: true, dontFragment: true, ecn: true, localAddress: true },
};

/** The variable of the environment that says which one is wanted where the program does not. */
const variable = "FRACTAL_PUNCH_DRIVER";

/** The best that works here, or the one that is wanted. Throws when that one does not work. */
export function chooseDatagramDriver(wanted?: DriverKind): DatagramDriver {
  const kind = wanted ?? wantedByEnvironment();
  const source = wanted === undefined ? `${variable} says so` : "as asked for";
  if (kind === "dgram") return { kind, reason: source, io: undefined };
  const io = isMainThread ? sharedBatchIo() : "a worker thread's event loop cannot be had";
  if (typeof io !== "string")
    return { kind: "batch", reason: kind === undefined ? io.works : `${source}; ${io.works}`, io };
  if (kind === "batch") throw new DriverError(`The batch driver does not work here: ${io}.`);
  return { kind: "dgram", reason: io, io: undefined };
}

/** The driver that was asked for does not work here, or is none. */
export class DriverError extends Error {}

function wantedByEnvironment(): DriverKind | undefined {
  const value = process.env[variable];
  if (value === undefined || value === "") return undefined;
  if (value === "dgram" || value === "batch") return value;
  throw new DriverError(`${variable} is "${value}", which is neither "dgram" nor "batch".`);
}
