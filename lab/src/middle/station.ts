/** A machine of the lab as the internet sees it: a TUN device, and the interfaces that its addresses have. */
import type { Address } from "@fractal-punch/machine";
import { type Datagram, type Host, Interface, type Traffic } from "@fractal-punch/sim/internet";
import { headerLength, hopsOf, mustStayWhole, rewrite, sourceOf, targetOf, transportOf } from "./ip-packet.ts";
import { Packet } from "./packet.ts";
import type { TunDevice } from "./tun-device.ts";

const packetBytes = 65_536;
/** No more are read from one device before the others, and what is due, have their turn. */
const packetsATurn = 64;

export class Station implements Host {
  readonly name: string;
  readonly device: TunDevice;
  readonly #traffic: Traffic;
  readonly #interfaces = new Map<Address["ip"], Interface>();
  readonly #arena = new Uint8Array(packetBytes);
  readonly #view = new DataView(this.#arena.buffer);

  constructor(name: string, device: TunDevice, traffic: Traffic) {
    this.name = name;
    this.device = device;
    this.#traffic = traffic;
  }

  /** It has no timers that the internet would know of. */
  nextWake(): number {
    return Infinity;
  }

  attach(interfaces: readonly Interface[]): void {
    for (const one of interfaces) this.#interfaces.set(one.address.ip, one);
  }

  /** Sends what the machine has sent into its device: UDP and TCP from an address of its own, and nothing else. */
  readDevice(): void {
    for (let i = 0; i < packetsATurn; i++) {
      const lengthBytes = this.device.read(this.#arena);
      if (lengthBytes <= 0) return;
      const headers = headerLength(this.#view, lengthBytes);
      if (headers !== undefined) this.#send(headers, lengthBytes);
    }
  }

  receive(datagram: Datagram): void {
    if (!(datagram instanceof Packet)) throw new Error("broken invariant: a datagram that is no packet");
    const { header, bytes, source, target, hopsLeft } = datagram;
    this.#arena.set(header);
    this.#arena.set(bytes, header.length);
    rewrite(this.#view, source, target, hopsLeft);
    this.#traffic.delivered(datagram, this);
    this.#traffic.buffers.release(bytes);
    this.device.write(this.#arena, header.length + bytes.length);
  }

  #send(headers: number, lengthBytes: number): void {
    const source = sourceOf(this.#view);
    const target = targetOf(this.#view);
    const from = source && this.#interfaces.get(source.ip);
    if (source === undefined || target === undefined || from === undefined) return;
    const bytes = this.#traffic.buffers.copyOf(this.#arena.subarray(headers, lengthBytes));
    const header = this.#arena.slice(0, headers);
    const [hops, transport] = [hopsOf(this.#view), transportOf(this.#view)];
    const packet = new Packet(this, source, target, bytes, hops, from.network, header, transport);
    packet.dontFragment = mustStayWhole(this.#view);
    this.#traffic.sent(packet);
    from.send(packet);
  }
}
