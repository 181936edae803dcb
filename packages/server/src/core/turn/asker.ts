/** Long-term credentials at the server (RFC 8489 section 9.2.4): who asks. */
import { type Address, equalBytes } from "@fractal-punch/machine";
import {
  Attribute,
  concatBytes,
  connectionIdOf,
  ErrorCode,
  integrityMatches,
  integritySha1Matches,
  Method,
  nonceCookie,
  type PasswordAlgorithm,
  passwordAlgorithmOf,
  passwordAlgorithmsOf,
  passwordAlgorithmsValue,
  type StunMessage,
  textOf,
} from "@fractal-punch/wire";
import type { Question } from "../question.ts";
import type { ServerState } from "../state.ts";
import type { Credentials, TurnUser } from "./credentials.ts";
import type { TurnState } from "./turn-state.ts";

export interface Asker {
  readonly user: TurnUser;
  readonly key: Uint8Array;
  /** Whether the question was protected with SHA-256; its answer is, then. */
  readonly sha256: boolean;
}

/** What the server offers, the better one first. */
const offeredAlgorithms: readonly PasswordAlgorithm[] = ["sha256", "md5"];

/** The same as PASSWORD-ALGORITHMS. */
export const offer: Uint8Array = passwordAlgorithmsValue(offeredAlgorithms);

/**
 * It does not ask for usernames as hashes (RFC 8489 section 14.4), which it knows of the configuration's users only: from
 * the hash of a name that nobody has stored nothing leads back.
 */
const cookie: Uint8Array = nonceCookie({ passwordAlgorithms: true, usernameAnonymity: false });

const userhashBytes = 32;
/** No user has it. */
const nobody = "";

/** Who asks, or the code that says why nobody can tell. */
export function askerOf(state: ServerState, turn: TurnState, question: Question): Asker | ErrorCode {
  const { message, now, from } = question;
  const { credentials } = turn;
  const sha256 = message.has(Attribute.messageIntegritySha256);
  if (!sha256 && !message.has(Attribute.messageIntegrity)) return ErrorCode.unauthenticated;
  const username = usernameOf(credentials, message);
  const realm = textOf(message, Attribute.realm);
  const nonce = message.value(Attribute.nonce);
  const algorithm = algorithmOf(message);
  if (username === undefined || realm === undefined || nonce === undefined || algorithm === undefined)
    return ErrorCode.badRequest;
  const user = realm === credentials.realm ? credentials.user(now, username) : undefined;
  if (user === undefined) return ErrorCode.unauthenticated;
  const key = credentials.key(user, algorithm);
  const matches = sha256 ? integrityMatches : integritySha1Matches;
  if (!matches(state.primitives, key, message)) return ErrorCode.unauthenticated;
  credentials.remember(now, user, algorithm, key);
  const control = controlAddress(turn, message);
  const isGood = isFresh(state, question, nonce, from) || (control && isFresh(state, question, nonce, control));
  return isGood ? { user, key, sha256 } : ErrorCode.staleNonce;
}

export function freshNonce({ nonces, ports, clock }: ServerState, { now, port, from }: Question): Uint8Array {
  return concatBytes(cookie, nonces.make(from, ports.isStream(port), clock.epochMs(now)));
}

function isFresh(
  { nonces, ports, clock }: ServerState,
  { now, port }: Question,
  nonce: Uint8Array,
  from: Address,
): boolean {
  if (!equalBytes(nonce.subarray(0, cookie.length), cookie)) return false;
  return nonces.matches(nonce.subarray(cookie.length), from, ports.isStream(port), clock.epochMs(now));
}

/**
 * A ConnectionBind may come with the nonce of the connection's control connection: coturn's client takes no other there.
 * What a nonce proves, the address, TCP has proven.
 */
function controlAddress({ pipes }: TurnState, message: StunMessage): Address | undefined {
  const id = message.method === Method.connectionBind ? connectionIdOf(message) : undefined;
  return id === undefined ? undefined : pipes.connection(id)?.allocation.tuple.address;
}

/** Out of USERNAME or USERHASH; `undefined` when there is neither, or both, or what is none. */
function usernameOf(credentials: Credentials, message: StunMessage): string | undefined {
  if (!message.has(Attribute.userhash)) return textOf(message, Attribute.username);
  const hash = message.fixed(Attribute.userhash, userhashBytes);
  if (hash === undefined || message.has(Attribute.username)) return undefined;
  return credentials.hashedName(hash) ?? nobody;
}

/**
 * MD5 when the client knows of no choice. Otherwise what it chose, if the list that it saw is the one that was sent: nobody
 * on the way took the better one off it.
 */
function algorithmOf(message: StunMessage): PasswordAlgorithm | undefined {
  const hasList = message.has(Attribute.passwordAlgorithms);
  if (!hasList && !message.has(Attribute.passwordAlgorithm)) return "md5";
  const seen = passwordAlgorithmsOf(message);
  const isOurs = seen?.length === offeredAlgorithms.length && offeredAlgorithms.every((one, i) => one === seen[i]);
  const chosen = passwordAlgorithmOf(message);
  return isOurs && chosen !== "unknown" ? chosen : undefined;
}
