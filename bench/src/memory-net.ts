/** Machines joined in memory, on a clock of numbers: what is measured with them is the machines and nothing else. */
import {
  type Address,
  type DriverCommand,
  type Machine,
  noInfo,
  type Outbox,
  type PortId,
  type PortRequest,
  sameIp,
  withPort,
} from "@fractal-punch/machine";

const epochMs = 1_800_000_000_000;
const delayMs = 5;
const nothing = new Uint8Array(0);

interface Waiting {
  readonly atMs: number;
  readonly from: Address;
  readonly to: Address;
  readonly bytes: Uint8Array;
}

interface Receiver {
  readonly ip: Address;
  arrive(from: Address, to: Address, bytes: Uint8Array): void;
  wakeIfDue(): void;
}

export class MemoryNet {
  now = 1_000;
  readonly #stations: Receiver[] = [];
  readonly #waiting: Waiting[] = [];

  add<Command extends object, Event>(ip: Address, machine: Machine<Command, Event>): Station<Command, Event> {
    const station = new Station(this, ip, machine);
    this.#stations.push(station);
    station.command({ type: "clock", epochMs: epochMs + this.now });
    return station;
  }

  send(from: Address, to: Address, bytes: Uint8Array): void {
    this.#waiting.push({ atMs: this.now + delayMs, from, to, bytes });
  }

  /** Lets time pass, in steps of 1 ms. */
  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end; this.now++) {
      for (let first = this.#waiting[0]; first && first.atMs <= this.now; first = this.#waiting[0]) {
        this.#waiting.shift();
        const { from, to, bytes } = first;
        this.#stations.find(({ ip }) => sameIp(ip, to))?.arrive(from, to, bytes);
      }
      for (const station of this.#stations) station.wakeIfDue();
    }
  }
}

/** One machine, its ports and its outbox. */
export class Station<Command extends object, Event> implements Outbox<Event>, Receiver {
  readonly ip: Address;
  readonly machine: Machine<Command, Event>;
  events: Event[] = [];
  /** Takes what is sent, instead of the net. */
  onSend: ((bytes: Uint8Array) => void) | undefined;
  /** Takes what is emitted, instead of `events`. */
  onEvent: ((event: Event) => void) | undefined;
  readonly #net: MemoryNet;
  readonly #ports = new Map<PortId, number>();
  readonly #answers: DriverCommand[] = [];
  #inHand: Uint8Array = nothing;

  constructor(net: MemoryNet, ip: Address, machine: Machine<Command, Event>) {
    this.#net = net;
    this.ip = ip;
    this.machine = machine;
  }

  /** The first socket's. */
  get address(): Address {
    const [port = 0] = this.#ports.values();
    return withPort(this.ip, port);
  }

  get openPorts(): readonly PortId[] {
    return [...this.#ports.keys()];
  }

  command(command: Command | DriverCommand): void {
    this.machine.command(this.#net.now, command, this);
    this.#settle();
  }

  arrive(from: Address, to: Address, bytes: Uint8Array): void {
    this.#inHand = bytes;
    for (const [id, port] of this.#ports)
      if (port === to.port) this.machine.receive(this.#net.now, id, from, bytes, noInfo, this);
    this.#settle();
  }

  wakeIfDue(): void {
    if (this.machine.nextWake() <= this.#net.now) this.machine.wake(this.#net.now, this);
    this.#settle();
  }

  send(port: PortId, to: Address, bytes: Uint8Array): void {
    if (this.onSend) this.onSend(bytes);
    else this.#net.send(this.#from(port), to, bytes.slice());
  }

  forward(port: PortId, to: Address, head: Uint8Array, start: number): void {
    const rest = this.#inHand.subarray(start);
    const bytes = new Uint8Array(head.length + rest.length);
    bytes.set(head);
    bytes.set(rest, head.length);
    this.#net.send(this.#from(port), to, bytes);
  }

  /** There is UDP and nothing else. */
  openPort(port: PortId, { transport = "udp", port: wanted }: PortRequest): void {
    if (transport !== "udp") return;
    const number = wanted || 40_000 + port;
    this.#ports.set(port, number);
    this.#answers.push({ type: "port-opened", port, local: withPort(this.ip, number) });
  }

  closePort(port: PortId): void {
    this.#ports.delete(port);
  }

  closeStream(): void {}

  holdStream(): void {}

  emit(event: Event): void {
    if (this.onEvent) this.onEvent(event);
    else this.events.push(event);
  }

  #from(port: PortId): Address {
    return withPort(this.ip, this.#ports.get(port) ?? 0);
  }

  #settle(): void {
    for (let answer = this.#answers.shift(); answer; answer = this.#answers.shift()) this.command(answer);
  }
}
