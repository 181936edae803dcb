/** Connect (RFC 6062 section 5.2): a client wants a TCP connection from its relayed address to a peer. */
import type { Address, PortId } from "@fractal-punch/machine";
import { Attribute, ErrorCode, MessageClass, xorAddress } from "@fractal-punch/wire";
import type { ServerState } from "../state.ts";
import type { Allocation, Relay } from "./allocation.ts";
import { refuseAsker, sendProtected } from "./answers.ts";
import type { Change } from "./changes.ts";
import { attemptConnection, bindMs, fullCode, refusalOf } from "./connection-attempt.ts";
import { ownedQuestion } from "./owned-question.ts";
import { type Dialling, type PeerConnection, Pipe } from "./pipe.ts";
import { endPipe, join } from "./piping.ts";
import type { Relaying } from "./relaying.ts";
import type { TurnState } from "./turn-state.ts";

/** How long a peer may take to answer: the RFC's least. */
const dialMs = 30_000;

/** "later": the answer follows when the peer has been reached, or not. */
export function connectToPeer(state: ServerState, turn: TurnState, change: Change): ErrorCode | "served" | "later" {
  const { question, allocation } = change;
  const { message, now, out } = question;
  const peer = xorAddress(message, Attribute.xorPeerAddress);
  if (allocation.transport !== "tcp") return ErrorCode.allocationMismatch;
  if (peer === undefined || peer.port === 0) return ErrorCode.badRequest;
  if (turn.pipes.between(allocation, peer) !== undefined) return ErrorCode.connectionAlreadyExists;
  const relay = allocation.relay(peer.family);
  if (relay === undefined) return ErrorCode.peerAddressFamilyMismatch;
  const other = turn.allocations.at("tcp", peer);
  if (other === undefined && turn.policy.refusal(peer) !== undefined) return ErrorCode.forbidden;
  const full = fullCode(state, turn, allocation);
  if (full !== undefined) return full;
  if (other !== undefined) return connectInside({ state, turn, now, out }, change, relay, peer, other);
  if (!state.buckets.dials.take(now, allocation.user.username)) return ErrorCode.limitReached;
  dial(state, turn, change, peer);
  return "later";
}

function dial(state: ServerState, turn: TurnState, { question, asker, allocation }: Change, peer: Address): void {
  const pipe = new Pipe(state.deadlines);
  pipe.dialling = { question: ownedQuestion(question), asker };
  turn.pipes.connect(pipe, allocation, peer, state.random);
  const port = turn.openings.takeId();
  turn.pipes.dial(pipe, port);
  // From any port: the system does not share one that listens.
  question.out.openPort(port, { transport: "tcp", family: peer.family, port: 0, remote: peer, patienceMs: dialMs });
}

/** Both are this server's, which may not reach its own public address from behind a 1:1 NAT. */
function connectInside(
  relaying: Relaying,
  { question, asker, allocation }: Change,
  relay: Relay,
  peer: Address,
  other: Allocation,
): ErrorCode | "served" {
  const { state, turn, now } = relaying;
  if (refusalOf(relaying, other, relay.address) !== undefined) return ErrorCode.connectionTimeout;
  const pipe = new Pipe(state.deadlines);
  const connection = turn.pipes.connect(pipe, allocation, peer, state.random);
  state.deadlines.set(pipe.deadline, now + bindMs);
  sendConnected(state, { question, asker }, connection);
  attemptConnection(relaying, pipe, other, relay.address);
  return "served";
}

export function peerReached(relaying: Relaying, pipe: Pipe, port: PortId, peer: Address): void {
  const { state, now, out } = relaying;
  const { dialling } = pipe;
  const [connection] = pipe.connections;
  if (dialling === undefined || connection === undefined) return;
  pipe.dialling = undefined;
  state.deadlines.set(pipe.deadline, now + bindMs);
  state.counters.outcome("tcp-connect", "served");
  sendConnected(state, { ...dialling, question: { ...dialling.question, now, out } }, connection);
  join(relaying, pipe.add(1, port, peer));
}

/** The port that was to reach a peer failed; false when it is none. */
export function peerNotReached(relaying: Relaying, port: PortId): boolean {
  const { state, turn, now, out } = relaying;
  const pipe = turn.pipes.dialledFrom(port);
  if (pipe?.dialling === undefined) return false;
  const { question, asker } = pipe.dialling;
  const code = ErrorCode.connectionTimeout;
  endPipe(relaying, pipe);
  state.counters.outcome("tcp-connect", { code });
  refuseAsker(state, { ...question, now, out }, asker, code);
  return true;
}

function sendConnected(state: ServerState, { question, asker }: Dialling, { id }: PeerConnection): void {
  const { method, transactionId } = question.message;
  const builder = state.builder.begin(MessageClass.success, method, transactionId);
  sendProtected(state, builder.u32(Attribute.connectionId, id), question, asker);
}
