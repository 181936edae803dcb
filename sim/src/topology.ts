/** How a world is put together: its middle, routers, and the places of nodes. */
import { type Address, addressFromIpText } from "@fractal-punch/machine";
import { type Host, Interface } from "./interface.ts";
import { Link } from "./link.ts";
import type { RouterBehaviour } from "./nat-behaviour.ts";
import { Line, type LineOptions, Network, type Prefix } from "./network.ts";
import type { Prng } from "./prng.ts";
import { Router } from "./router.ts";
import type { Traffic } from "./traffic.ts";

/**
 * Where a node is, and what its line is like. Behind a router the line is the router's, which stands beside the node,
 * as home routers do: the delay lies between the router and what is outside.
 */
export interface Place extends LineOptions {
  /** The router or routers that the node is behind (one for each family, say); directly at the middle when absent. */
  readonly behind?: Router | readonly Router[];
  /** One or several IP addresses; free ones when absent. */
  readonly address?: string | readonly string[];
}

export interface RouterOptions extends LineOptions {
  /** The router that this one is behind; the middle when absent. */
  readonly behind?: Router;
  /** Its outside IP addresses; a free one when absent. Routers that do not translate have none. */
  readonly address?: string | readonly string[];
  /**
   * The first IP address and the length of its inside network: "192.168.1.0/24" when absent, so that two homes have
   * the same private addresses, as real ones do; 192.168.2.0/24 behind another router, and so on.
   */
  readonly inside?: string;
}

/** Routers on the way through the middle, which count against a datagram's time to live. */
const middleHops = 8;

/** Any public unicast range does: nothing of a world leaves it. Documentation ranges are left to scenarios. */
const publicPrefix4: Prefix = { address: ipAddress("45.0.0.0"), bits: 8 };

export class Topology {
  readonly #traffic: Traffic;
  readonly #prng: Prng;
  readonly #middle: Network;
  readonly #depths: Map<Router, number> = new Map();
  #links = 0;
  #prefixes6 = 0;

  constructor(traffic: Traffic, prng: Prng) {
    this.#traffic = traffic;
    this.#prng = prng;
    this.#middle = new Network(traffic, middleHops);
  }

  get middle(): Network {
    return this.#middle;
  }

  router(name: string, behaviour: RouterBehaviour, options: RouterOptions): Router {
    const { behind, address, inside, ...lineOptions } = options;
    const outside = behind?.inside ?? this.#middle;
    const depth = 1 + (behind === undefined ? 0 : (this.#depths.get(behind) ?? 0));
    const translates = behaviour.kind === "nat" || behaviour.kind === "linux";
    const given = texts(address).map((text) => ipAddress(text));
    if (!translates && given.length > 0)
      throw new Error(`router ${name} does not translate: it has no address of its own; leave address out`);
    const addresses = translates && given.length === 0 ? [this.#freeAddress(outside)] : given;
    const insidePrefix = prefix(inside ?? (translates ? `192.168.${depth}.0/24` : this.#freePrefix6()));
    const line = this.line(name, lineOptions);
    const prng = this.#prng.named(`router ${name}`);
    const traffic = this.#traffic;
    const parts = { name, behaviour, traffic, outside, addresses, insidePrefix, line, lineOptions, prng };
    const router = new Router(parts);
    this.#depths.set(router, depth);
    return router;
  }

  /** Puts interfaces of `host` at `place`. */
  join(host: Host, place: Place): Interface[] {
    const { behind, address, ...lineOptions } = place;
    const routers = behind === undefined ? [] : behind instanceof Router ? [behind] : behind;
    const addresses = texts(address).map((text) => ipAddress(text));
    if (routers.length === 0) return this.#joinMiddle(host, addresses, lineOptions);
    const interfaces: Interface[] = [];
    for (const router of routers) {
      router.agreeOnLine(lineOptions);
      const { inside } = router;
      const own = addresses.filter(({ family }) => family === inside.family);
      const line = this.line(host.name, {});
      for (const one of own.length > 0 ? own : [this.#freeAddress(inside)])
        interfaces.push(new Interface(host, this.#traffic, one, inside, line));
    }
    return interfaces;
  }

  line(name: string, options: LineOptions): Line {
    const { up, down, ...both } = options;
    const random = this.#prng.named(`line ${name} ${this.#links++}`);
    return new Line(new Link({ ...both, ...up }, random), new Link({ ...both, ...down }, random));
  }

  #joinMiddle(host: Host, addresses: readonly Address[], lineOptions: LineOptions): Interface[] {
    const line = this.line(host.name, lineOptions);
    const own = addresses.length > 0 ? addresses : [this.#freeAddress(this.#middle)];
    return own.map((address) => new Interface(host, this.#traffic, address, this.#middle, line));
  }

  #freeAddress(network: Network): Address {
    return network.freeAddress(network === this.#middle ? publicPrefix4 : undefined);
  }

  #freePrefix6(): string {
    return `2600:${(++this.#prefixes6).toString(16)}::/64`;
  }
}

/** From "192.0.2.1" or "2001:db8::1", with port 0. */
export function ipAddress(text: string): Address {
  const address = addressFromIpText(text, 0);
  if (address === undefined) throw new Error(`"${text}" is no IP address`);
  return address;
}

function prefix(text: string): Prefix {
  const [ip, length] = text.split("/");
  const address = ipAddress(ip ?? "");
  const bits = Number(length);
  if (!Number.isInteger(bits) || bits < 0 || bits > 128) throw new Error(`"${text}" is no prefix, like 192.168.1.0/24`);
  return { address, bits };
}

function texts(text: string | readonly string[] | undefined): readonly string[] {
  if (text === undefined) return [];
  return typeof text === "string" ? [text] : text;
}
