/**
 * The classic protocol's first generation (docs/protocol.md section 13): clients and VMs that send a line of text, and are paired by
 * the VM's address, whichever came first.
 */
import type { Outbox } from "@fractal-punch/machine";
import { encodeClassicEndpoint } from "@fractal-punch/wire";
import type { ClassicCounts, ClassicDrop } from "./classic-counters.ts";
import type { ServerEvent } from "./events.ts";
import type { Limits } from "./limits.ts";
import type { MatchLog } from "./match-log.ts";
import { type Requester, type Waiter, Waiting } from "./waiting.ts";

/** All VMs of an address wait under one name: a client knows no more than the address. */
const anyVm = 0;

export class Pairings {
  readonly #limits: Limits;
  readonly #counts: ClassicCounts;
  readonly #log: MatchLog;
  readonly #vms: Waiting;
  /** Under the address of the VM that they want. */
  readonly #clients: Waiting;
  /** By that address, in the order of arrival. */
  readonly #queues = new Map<number, Waiter[]>();

  constructor(limits: Limits, counts: ClassicCounts, log: MatchLog) {
    const { classicEntries: entries, classicEntriesPerAddress: perAddress, classicLifeMs, classicVmLifeMs } = limits;
    this.#limits = limits;
    this.#counts = counts;
    this.#log = log;
    this.#vms = new Waiting({ entries, perAddress, lifeMs: classicVmLifeMs });
    this.#clients = new Waiting({ entries, perAddress, lifeMs: classicLifeMs });
  }

  get size(): number {
    return this.#vms.size + this.#clients.size;
  }

  get endsAt(): number {
    return Math.min(this.#vms.endsAt, this.#clients.endsAt);
  }

  /** A client wants the VM at that address. */
  client(
    now: number,
    client: Requester,
    vmIp: number,
    out: Outbox<ServerEvent>,
  ): "text-match" | "text-client" | ClassicDrop {
    const vm = this.#vms.newestAt(now, vmIp, anyVm);
    if (vm === undefined) return this.#queue(now, client, vmIp);
    this.#vms.remove(vm);
    this.#introduce(now, client, vm.requester, out);
    return "text-match";
  }

  /** A VM is there for the client that has waited longest, or for the next one. */
  vm(now: number, vm: Requester, out: Outbox<ServerEvent>): "text-match" | "text-vm" | ClassicDrop {
    const client = this.#queues.get(vm.from.ip)?.find((one) => this.#clients.isLive(now, one));
    if (client === undefined) return this.#keep(now, vm);
    this.#unqueue(client);
    this.#introduce(now, client.requester, vm, out);
    return "text-match";
  }

  wake(now: number): void {
    for (let vm = this.#vms.oldest; vm !== undefined && this.#vms.endsAt <= now; vm = this.#vms.oldest) {
      this.#vms.remove(vm);
      this.#counts.add("expired");
    }
    for (let one = this.#clients.oldest; one !== undefined && this.#clients.endsAt <= now; one = this.#clients.oldest) {
      this.#unqueue(one);
      this.#counts.add("expired");
    }
  }

  /** The old server's order: first the client, then the VM. */
  #introduce(now: number, client: Requester, vm: Requester, out: Outbox<ServerEvent>): void {
    out.send(client.port, client.from, encodeClassicEndpoint(vm.from), client.options);
    out.send(vm.port, vm.from, encodeClassicEndpoint(client.from), vm.options);
    this.#log.tell(now, { generation: 1, transport: "udp", client: client.from, cloudComputer: vm.from }, out);
  }

  #keep(now: number, vm: Requester): "text-vm" | ClassicDrop {
    const known = this.#vms.on(vm.port, vm.from);
    if (known !== undefined) {
      this.#vms.renew(now, known);
      return "text-vm";
    }
    const surplus = this.#vms.surplusAt(vm.from.ip) ?? this.#lapsing(now);
    if (surplus !== undefined) {
      this.#vms.remove(surplus);
      this.#counts.add("made-room");
    } else if (this.#vms.isFull) return "table-full";
    this.#vms.add(now, vm, anyVm);
    return "text-vm";
  }

  /** In a full table a VM that was silent for long makes room: nobody's single request takes a place from others for minutes. */
  #lapsing(now: number): Waiter | undefined {
    const { oldest } = this.#vms;
    const isLapsing = oldest !== undefined && oldest.age.usedAt + this.#limits.classicLifeMs <= now;
    return this.#vms.isFull && isLapsing ? oldest : undefined;
  }

  #queue(now: number, client: Requester, vmIp: number): "text-client" | ClassicDrop {
    const known = this.#clients.on(client.port, client.from, vmIp);
    if (known !== undefined) {
      this.#clients.renew(now, known);
      return "text-client";
    }
    const surplus = this.#surplusOf(client.from.ip, vmIp);
    if (surplus !== undefined) {
      this.#unqueue(surplus);
      this.#counts.add("made-room");
    }
    const queue = this.#queues.get(vmIp) ?? [];
    if (queue.length >= this.#limits.classicQueue) return "queue-full";
    if (this.#clients.isFull) return "table-full";
    queue.push(this.#clients.add(now, client, vmIp));
    this.#queues.set(vmIp, queue);
    return "text-client";
  }

  /** The client of that address that goes for one more of it: from the VM's queue, or of all that wait. */
  #surplusOf(ip: number, vmIp: number): Waiter | undefined {
    const neighbours = this.#queues.get(vmIp)?.filter(({ requester }) => requester.from.ip === ip) ?? [];
    return neighbours.length >= this.#limits.classicQueuePerAddress ? neighbours[0] : this.#clients.surplusAt(ip);
  }

  #unqueue(client: Waiter): void {
    this.#clients.remove(client);
    const queue = this.#queues.get(client.name);
    if (queue === undefined) return;
    queue.splice(queue.indexOf(client), 1);
    if (queue.length === 0) this.#queues.delete(client.name);
  }
}
