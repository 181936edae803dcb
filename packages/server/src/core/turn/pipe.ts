/**
 * Two TCP streams whose bytes go from one to the other (RFC 6062). At one end is a client, on the data connection that it
 * binds; at the other a peer, or the client of another allocation of this server.
 */
import type { Address, Deadline, Deadlines, PortId } from "@fractal-punch/machine";
import type { Question } from "../question.ts";
import type { Timed } from "../timed.ts";
import type { Allocation } from "./allocation.ts";
import type { Asker } from "./asker.ts";

type Side = 0 | 1;

/** One of the two streams. */
export interface PipeEnd {
  readonly pipe: Pipe;
  readonly side: Side;
  readonly port: PortId;
  readonly address: Address;
  /** So much waits for its far end that no more is to be sent. */
  isFull: boolean;
  isHeld: boolean;
  /** What came before there was an other end. */
  early: Uint8Array;
}

/** A pipe as an allocation has it: what RFC 6062 calls a peer data connection. */
export interface PeerConnection {
  readonly id: number;
  readonly allocation: Allocation;
  readonly peer: Address;
  readonly pipe: Pipe;
  /** Where the client's own stream joins. */
  readonly side: Side;
}

/** A Connect that is answered when the peer has been reached, or not. */
export interface Dialling {
  /** Owns its bytes. */
  readonly question: Question;
  readonly asker: Asker;
}

export class Pipe {
  readonly kind = "pipe";
  readonly deadline: Deadline<Timed>;
  readonly ends: [PipeEnd | undefined, PipeEnd | undefined] = [undefined, undefined];
  /** One; two when both ends are clients'. */
  readonly connections: PeerConnection[] = [];
  /** The port that the peer was dialled from. */
  dialPort: PortId | undefined;
  dialling: Dialling | undefined;
  /** Has relayed more than its accounts allow by now. */
  isLate = false;
  hasEnded = false;

  constructor(deadlines: Deadlines<Timed>) {
    this.deadline = deadlines.create(this, "pipe");
  }

  add(side: Side, port: PortId, address: Address): PipeEnd {
    const end = { pipe: this, side, port, address, isFull: false, isHeld: false, early: new Uint8Array(0) };
    this.ends[side] = end;
    return end;
  }

  opposite({ side }: PipeEnd): PipeEnd | undefined {
    return this.ends[side === 0 ? 1 : 0];
  }
}
