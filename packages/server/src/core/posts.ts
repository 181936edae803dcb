/**
 * The classic protocol's second generation (docs/protocol.md section 13): cloud computers post the port that they
 * are known by, and clients ask for the port that their NAT gave them. Those who come by TCP meet only those who come by
 * TCP: the ports of the two have nothing to do with each other.
 */
import { type Address4, addressKey, type Outbox, type PortId } from "@fractal-punch/machine";
import { type ClassicRequest, encodeClassicAnswer } from "@fractal-punch/wire";
import type { ClassicBuckets } from "./classic.ts";
import type { ClassicCounts, ClassicWord } from "./classic-counters.ts";
import type { ServerEvent } from "./events.ts";
import type { Limits } from "./limits.ts";
import type { MatchLog } from "./match-log.ts";
import type { Streams } from "./streams.ts";
import { type Requester, type Waiter, Waiting } from "./waiting.ts";

export class Posts {
  readonly #counts: ClassicCounts;
  readonly #log: MatchLog;
  readonly #streams: Streams;
  readonly #buckets: ClassicBuckets;
  /** Under their public ports. */
  readonly #udp: Waiting;
  readonly #tcp: Waiting;

  constructor(limits: Limits, counts: ClassicCounts, log: MatchLog, streams: Streams, buckets: ClassicBuckets) {
    const { classicEntries: entries, classicEntriesPerAddress: perAddress, classicLifeMs: lifeMs } = limits;
    this.#counts = counts;
    this.#log = log;
    this.#streams = streams;
    this.#buckets = buckets;
    this.#udp = new Waiting({ entries, perAddress, lifeMs });
    this.#tcp = new Waiting({ entries, perAddress, lifeMs });
  }

  get size(): number {
    return this.#udp.size + this.#tcp.size;
  }

  get endsAt(): number {
    return Math.min(this.#udp.endsAt, this.#tcp.endsAt);
  }

  post(now: number, poster: Requester, publicPort: number): ClassicWord {
    const table = this.#table(poster);
    const word = `${poster.transport}-post` as const;
    const known = table.on(poster.port, poster.from, publicPort);
    if (known !== undefined) {
      table.renew(now, known);
      return word;
    }
    const surplus = table.surplusAt(poster.from.ip);
    // A post by TCP holds a connection, which is promised to stay open.
    if (surplus !== undefined && poster.transport === "tcp") return "address-full";
    if (surplus !== undefined) {
      table.remove(surplus);
      this.#counts.add("made-room");
    } else if (table.isFull) return "table-full";
    table.add(now, poster, publicPort);
    return word;
  }

  /** Tells the cloud computer first, as the old server did. A post by TCP is spent by it. */
  ask(now: number, client: Requester, { ip, publicPort }: ClassicRequest, out: Outbox<ServerEvent>): ClassicWord {
    const table = this.#table(client);
    const found = table.newestAt(now, ip, publicPort);
    if (found === undefined) {
      out.send(client.port, client.from, encodeClassicAnswer(ip, 0, publicPort), client.options);
      return `${client.transport}-missing`;
    }
    const { requester: poster } = found;
    const { from } = client;
    if (client.transport === "udp" && !this.#mayTell(now, from, poster.from)) return "notice-rate";
    out.send(poster.port, poster.from, encodeClassicAnswer(from.ip, from.port, 0), poster.options);
    out.send(client.port, from, encodeClassicAnswer(ip, poster.from.port, publicPort), client.options);
    if (poster.transport === "tcp") {
      table.remove(found);
      this.#streams.close(poster.port, poster.from, out);
    }
    this.#tell(now, found, client, out);
    return `${client.transport}-match`;
  }

  /** The connection of a post has ended. */
  left(port: PortId, from: Address4): void {
    const waiter = this.#tcp.on(port, from);
    if (waiter === undefined) return;
    this.#tcp.remove(waiter);
    this.#counts.add("post-left");
  }

  wake(now: number, out: Outbox<ServerEvent>): void {
    for (const table of [this.#udp, this.#tcp]) {
      for (let waiter = table.oldest; waiter !== undefined && table.endsAt <= now; waiter = table.oldest) {
        table.remove(waiter);
        this.#counts.add("expired");
        const { transport, port, from } = waiter.requester;
        if (transport === "tcp") this.#streams.close(port, from, out);
      }
    }
  }

  /**
   * Anybody can post in another's name, and ask again and again: what one gets by it is bounded. Clients are bounded first,
   * so that few cannot use up what a cloud computer may be told; and where many have, some are told still.
   */
  #mayTell(now: number, client: Address4, cloudComputer: Address4): boolean {
    const { classicAsks, classicNotices } = this.#buckets;
    if (!classicAsks.take(now, client) || !classicNotices.admitsSome(now, cloudComputer)) return false;
    classicNotices.charge(now, cloudComputer);
    return true;
  }

  /** Once for each client: it repeats its ASK until it hears the cloud computer. */
  #tell(now: number, found: Waiter, client: Requester, out: Outbox<ServerEvent>): void {
    const key = addressKey(client.from);
    if (found.lastClient === key) return;
    found.lastClient = key;
    const { transport, from: cloudComputer } = found.requester;
    this.#log.tell(now, { generation: 2, transport, client: client.from, cloudComputer }, out);
  }

  #table({ transport }: Requester): Waiting {
    return transport === "udp" ? this.#udp : this.#tcp;
  }
}
