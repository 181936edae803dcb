/**
 * What the applications of a swarm's world sent and received. It throws as soon as a datagram comes twice, altered, or to
 * somebody whom it was not meant for.
 *
 * A datagram is: client 1, direction 1, number 2, and a filling that follows from these.
 */
import type { Draw } from "./draw.ts";

const request = 0;
const reply = 1;
const push = 2;

/** One client's datagrams. */
class Account {
  requests = 0;
  pushes = 0;
  /** Requests that came to the host, replies and pushes that came to the client. */
  readonly asked: Set<number> = new Set();
  readonly answered: Set<number> = new Set();
  readonly pushed: Set<number> = new Set();
  lastAnswered = -1;
  /** Of datagrams that were as large as could be, by direction and number. */
  readonly lengths: Map<number, number> = new Map();
  /** The host's session that its latest datagram came in. */
  session: number | undefined;
}

export class Ledger {
  readonly #accounts: readonly Account[];
  readonly #sizes: Draw["sizes"];
  readonly #clientsOfSessions: Map<number, number> = new Map();

  constructor(clients: number, sizes: Draw["sizes"]) {
    this.#accounts = Array.from({ length: clients }, () => new Account());
    this.#sizes = sizes;
  }

  /** The client's next request; of `lengthBytes`, when that is given, here and below. */
  request(client: number, lengthBytes?: number): Uint8Array {
    return this.#bytes(client, request, this.#of(client).requests++, lengthBytes);
  }

  /** The host's next datagram to a client that is no reply. */
  push(client: number, lengthBytes?: number): Uint8Array {
    return this.#bytes(client, push, this.#of(client).pushes++, lengthBytes);
  }

  /** The host received it in that session; gives the reply. */
  atHost(session: number, data: Uint8Array, replyBytes?: number): Uint8Array {
    const { client, number } = this.#checked(data, (direction) => direction === request);
    const owner = this.#clientsOfSessions.get(session) ?? client;
    this.#clientsOfSessions.set(session, owner);
    if (owner !== client) throw new Error(`client ${client}'s datagram came in client ${owner}'s session`);
    const account = this.#of(client);
    account.session = session;
    enter(account.asked, number, account.requests, `client ${client}'s request`);
    return this.#bytes(client, reply, number, replyBytes);
  }

  atClient(client: number, data: Uint8Array): void {
    const found = this.#checked(data, (direction) => direction !== request);
    if (found.client !== client) throw new Error(`client ${client} received a datagram for client ${found.client}`);
    const account = this.#of(client);
    if (data[1] === push) return enter(account.pushed, found.number, account.pushes, `the push to client ${client}`);
    enter(account.answered, found.number, account.requests, `the reply to client ${client}'s request`);
    account.lastAnswered = Math.max(account.lastAnswered, found.number);
  }

  /** The numbers of the client's next request, and of the highest one that was answered. */
  progress(client: number): { next: number; lastAnswered: number } {
    const { requests, lastAnswered } = this.#of(client);
    return { next: requests, lastAnswered };
  }

  sessionOf(client: number): number | undefined {
    return this.#of(client).session;
  }

  /** The process with the host's sessions is gone. */
  forgetSessions(): void {
    this.#clientsOfSessions.clear();
    for (const account of this.#accounts) account.session = undefined;
  }

  /** What did not arrive, in words. */
  get missing(): string | undefined {
    for (const [client, { requests, pushes, asked, answered, pushed }] of this.#accounts.entries()) {
      const lost = [requests - asked.size, asked.size - answered.size, pushes - pushed.size];
      if (lost.some((count) => count > 0))
        return `of client ${client} ${lost[0]} requests, ${lost[1]} replies and ${lost[2]} pushes were lost`;
    }
    return undefined;
  }

  #of(client: number): Account {
    const account = this.#accounts[client];
    if (account === undefined) throw new Error(`there is no client ${client}`);
    return account;
  }

  #bytes(client: number, direction: number, number: number, lengthBytes?: number): Uint8Array {
    if (lengthBytes !== undefined) this.#of(client).lengths.set(keyOf(direction, number), lengthBytes);
    const length = this.#lengthOf(client, direction, number);
    const bytes = new Uint8Array(length).fill(fillingOf(client, direction, number));
    bytes[0] = client;
    bytes[1] = direction;
    bytes[2] = number >>> 8;
    bytes[3] = number;
    return bytes;
  }

  #lengthOf(client: number, direction: number, number: number): number {
    return this.#accounts[client]?.lengths.get(keyOf(direction, number)) ?? lengthOf(this.#sizes, client, number);
  }

  #checked(data: Uint8Array, mayBe: (direction: number) => boolean): { client: number; number: number } {
    const [client = -1, direction = -1, high = 0, low = 0] = data;
    const number = high * 256 + low;
    const isWhole = data.length === this.#lengthOf(client, direction, number);
    if (!isWhole || !mayBe(direction) || !isFilled(data, fillingOf(client, direction, number)))
      throw new Error(
        `a datagram of ${data.length} bytes (${data.subarray(0, 4).join(" ")} ...) was altered on its way`,
      );
    return { client, number };
  }
}

function enter(received: Set<number>, number: number, sent: number, what: string): void {
  if (number >= sent) throw new Error(`${what} ${number} came, and was never sent`);
  if (received.has(number)) throw new Error(`${what} ${number} came twice`);
  received.add(number);
}

function isFilled(data: Uint8Array, filling: number): boolean {
  for (let i = 4; i < data.length; i++) if (data[i] !== filling) return false;
  return true;
}

function keyOf(direction: number, number: number): number {
  return direction * 65_536 + number;
}

function fillingOf(client: number, direction: number, number: number): number {
  return (number * 7 + client * 31 + direction * 101) & 0xff;
}

function lengthOf(sizes: Draw["sizes"], client: number, number: number): number {
  if (sizes === "small") return 16 + (number % 40);
  return sizes === "large" ? 1100 + (number % 96) : 4 + ((number * 397 + client * 131) % 1192);
}
