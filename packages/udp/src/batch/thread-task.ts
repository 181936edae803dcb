/** What the control plane and its forwarding threads tell each other, besides what is in shared memory. */

import type { MessagePort } from "node:worker_threads";
import type { PortId } from "@fractal-punch/machine";

/** What a thread is given at its start, under `forwarding` in its `workerData`. */
export interface ThreadTask {
  /** Commands come here; `wakeFd` becomes readable when there are some. */
  readonly commands: MessagePort;
  readonly wakeFd: number;
  /** The ring of what it leaves to the control plane, and the eventfd that wakes that. */
  readonly handover: SharedArrayBuffer;
  readonly notifyFd: number;
  /** Datagrams received and sent, two float64. */
  readonly counts: SharedArrayBuffer;
  /** What CLOCK_MONOTONIC is ahead of the machine's clock, in ms. */
  readonly clockAheadMs: number;
}

export type ThreadCommand =
  /** `isRead`: this thread reads it; all may write to it. */
  | {
      readonly type: "open";
      readonly port: PortId;
      readonly fd: number;
      readonly segments: boolean;
      readonly isRead: boolean;
    }
  | { readonly type: "close"; readonly port: PortId }
  | { readonly type: "stop" };

export type ThreadNews =
  /** It will not touch the port's descriptor again. */
  | { readonly type: "closed"; readonly port: PortId }
  /** Lost since it said so last, by reason. */
  | { readonly type: "drops"; readonly drops: ReadonlyMap<string, number> };

/** CLOCK_MONOTONIC, which all threads share. */
export function sharedClockMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
