/** A router: it joins a network of its own to the one outside, and asks a translator about every datagram. */
import { type Address, addressText } from "@fractal-punch/machine";
import type { Datagram, Station, Transport } from "./datagram.ts";
import { forTcp, type RouterBehaviour } from "./nat-behaviour.ts";
import { type Attachment, type Gateway, type Line, type LineOptions, Network, type Prefix } from "./network.ts";
import { newTranslator } from "./new-translator.ts";
import type { Prng } from "./prng.ts";
import type { Traffic } from "./traffic.ts";
import type { Translator } from "./translator.ts";

/** How a router is made; `World` fills it in. */
export interface RouterParts {
  readonly name: string;
  readonly behaviour: RouterBehaviour;
  readonly traffic: Traffic;
  readonly outside: Network;
  /** The outside addresses; none for a router that does not translate. */
  readonly addresses: readonly Address[];
  readonly insidePrefix: Prefix;
  readonly line: Line;
  readonly lineOptions: LineOptions;
  readonly prng: Prng;
}

export class Router implements Attachment, Gateway {
  readonly name: string;
  readonly behaviour: RouterBehaviour;
  /** The network behind it. */
  readonly inside: Network;
  /** What joins it to the network outside. It stands at this line's near end, beside its nodes. */
  readonly line: Line;
  /** Lets nothing but TCP pass, as the routers of some offices and hotels do. */
  blocksUdp = false;
  readonly #traffic: Traffic;
  readonly #outside: Network;
  readonly #prng: Prng;
  readonly #tcpPrng: Prng;
  #addresses: readonly Address[];
  #translator: Translator;
  /** TCP's, from its first segment on. */
  #tcpTranslator: Translator | undefined;
  #lineOptions: string;

  constructor(parts: RouterParts) {
    this.name = parts.name;
    this.behaviour = parts.behaviour;
    this.line = parts.line;
    this.inside = new Network(parts.traffic, 0, parts.insidePrefix, this);
    this.#traffic = parts.traffic;
    this.#outside = parts.outside;
    this.#prng = parts.prng;
    this.#tcpPrng = parts.prng.named(`router ${parts.name} tcp`);
    this.#addresses = parts.addresses;
    this.#lineOptions = JSON.stringify(parts.lineOptions);
    this.#translator = newTranslator(parts.behaviour, parts.addresses, parts.prng);
    for (const address of parts.addresses) parts.outside.attach(address, this);
  }

  /** Its outside addresses, with port 0. */
  get addresses(): readonly Address[] {
    return this.#addresses;
  }

  /** How many entries its table holds. */
  get tableSize(): number {
    return this.#translator.size + (this.#tcpTranslator?.size ?? 0);
  }

  /** Forgets all mappings, as a router does that was switched off and on. */
  reboot(): void {
    this.#translator = newTranslator(this.behaviour, this.#addresses, this.#prng);
    this.#tcpTranslator = undefined;
  }

  /** Gets other outside addresses and forgets all mappings, as after a new dial-in. */
  renumber(addresses: readonly Address[]): void {
    for (const address of this.#addresses) this.#outside.detach(address);
    for (const address of addresses) this.#outside.attach(address, this);
    this.#addresses = addresses;
    this.reboot();
  }

  /** Lets a node behind it say what the line is like, as long as all that do say the same. */
  agreeOnLine(options: LineOptions): void {
    const text = JSON.stringify(options);
    if (text === "{}" || text === this.#lineOptions) return;
    if (this.#lineOptions !== "{}")
      throw new Error(
        `router ${this.name} has a line already (${this.#lineOptions}); change it with its line.change()`,
      );
    this.#lineOptions = text;
    this.line.change(options);
  }

  /** From inside, on the way out. */
  forward(datagram: Datagram): void {
    const traffic = this.#traffic;
    const { source, target } = datagram;
    if (--datagram.hopsLeft <= 0) return traffic.drop(datagram, "ttl");
    if (this.#blocks(datagram)) return traffic.drop(datagram, "filtered");
    if (target.family !== this.inside.family) return traffic.drop(datagram, "no-route");
    const isOwn = this.#addresses.some((address) => address.ip === target.ip);
    if (isOwn && !this.#canHairpin()) return traffic.drop(datagram, "no-hairpin");
    const outside = this.#translatorOf(datagram.transport).outbound(traffic.now, source, target);
    if (typeof outside === "string") return traffic.drop(datagram, outside);
    if (isOwn) return this.#hairpin(datagram, outside);
    datagram.source = outside;
    traffic.cross(datagram, this.line.up, this.#outside);
  }

  /** From outside, on the way in. */
  arrive(datagram: Datagram): void {
    if (--datagram.hopsLeft <= 0) return this.#traffic.drop(datagram, "ttl");
    if (this.#blocks(datagram)) return this.#traffic.drop(datagram, "filtered");
    const inside = this.#translatorOf(datagram.transport).inbound(this.#traffic.now, datagram.target, datagram.source);
    if (typeof inside === "string") return this.#traffic.drop(datagram, inside);
    datagram.target = inside;
    this.inside.arrive(datagram);
  }

  owner(target: Address, source: Address, transport: Transport): Station | undefined {
    const inside = this.#translatorOf(transport).owner(this.#traffic.now, target, source);
    return inside === undefined ? undefined : this.inside.owner(inside, source, transport);
  }

  publish(address: Address): void {
    if (!this.#translates()) this.#outside.attach(address, this);
  }

  withdraw(address: Address): void {
    if (!this.#translates()) this.#outside.detach(address);
  }

  toString(): string {
    return `${this.name} (${this.#addresses.map((address) => addressText(address)).join(", ")})`;
  }

  /** From inside to an outside address of its own: filtered as if it came from outside (RFC 4787 section 6). */
  #hairpin(datagram: Datagram, outside: Address): void {
    const inside = this.#translatorOf(datagram.transport).inbound(this.#traffic.now, datagram.target, outside);
    if (typeof inside === "string") return this.#traffic.drop(datagram, inside);
    const { behaviour } = this;
    if (behaviour.kind === "nat" && behaviour.hairpin === "external-source") datagram.source = outside;
    datagram.target = inside;
    this.inside.arrive(datagram);
  }

  #blocks({ transport }: Datagram): boolean {
    return this.blocksUdp && transport === "udp";
  }

  #translatorOf(transport: Transport): Translator {
    if (transport === "udp") return this.#translator;
    this.#tcpTranslator ??= newTranslator(forTcp(this.behaviour), this.#addresses, this.#tcpPrng);
    return this.#tcpTranslator;
  }

  #canHairpin(): boolean {
    return this.behaviour.kind === "nat" && this.behaviour.hairpin !== "none";
  }

  #translates(): boolean {
    return this.behaviour.kind === "nat" || this.behaviour.kind === "linux";
  }
}
