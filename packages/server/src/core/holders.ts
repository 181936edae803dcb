/** Whose hosts are registered: one entry for each host ticket's username, however many ids are registered under it. */
import type { Account } from "./quotas.ts";
import type { HostTicket } from "./tickets.ts";

export interface Holder {
  /** From 1 on. */
  readonly number: number;
  readonly ticket: HostTicket;
  /** Absent when relaying is not limited. */
  readonly account: Account | undefined;
  /** How many host ids. */
  ids: number;
}

export class Holders {
  readonly #byUsername = new Map<string, Holder>();
  /** By number. */
  readonly #byNumber: (Holder | undefined)[] = [undefined];
  readonly #freed: number[] = [];

  /** How many host ids are registered under that username. */
  idsUnder(username: string): number {
    return this.#byUsername.get(username)?.ids ?? 0;
  }

  at(number: number): Holder | undefined {
    return this.#byNumber[number];
  }

  /** One host id more. A name has one account as long as any of its hosts is registered. */
  join(ticket: HostTicket, account: Account | undefined): Holder {
    const holder = this.#byUsername.get(ticket.username) ?? this.#create(ticket, account);
    holder.ids++;
    return holder;
  }

  /** One less. */
  leave(holder: Holder): void {
    if (--holder.ids > 0) return;
    this.#byUsername.delete(holder.ticket.username);
    this.#byNumber[holder.number] = undefined;
    this.#freed.push(holder.number);
  }

  /** The numbers of those whose ticket is such a one. */
  numbersOf(condition: (ticket: HostTicket) => boolean): Set<number> {
    const numbers = new Set<number>();
    for (const { number, ticket } of this.#byUsername.values()) if (condition(ticket)) numbers.add(number);
    return numbers;
  }

  #create(ticket: HostTicket, account: Account | undefined): Holder {
    const number = this.#freed.pop() ?? this.#byNumber.length;
    const holder: Holder = { number, ticket, account, ids: 0 };
    this.#byNumber[number] = holder;
    this.#byUsername.set(ticket.username, holder);
    return holder;
  }
}
