import type { LineOptions, RouterBehaviour } from "@fractal-punch/sim/internet";
import { Middle } from "./middle.ts";
import { closeNamespace, configureLinks, type Namespace, openNamespace, writeSettings } from "./namespace.ts";
import { type NatKind, setFirewall, setNat, type UnaskedInput } from "./nat-rules.ts";

export type Family = 4 | 6;

export interface Machine {
  readonly namespace: Namespace;
}

export type Joined = Pick<LabNode, "station">;

/** A machine that is no router. It has one interface, and in each of its families one address there: private behind a router. */
export interface LabNode extends Machine {
  readonly addresses: ReadonlyMap<Family, string>;
  /** What the middle calls the machine that is joined to it: this one, or its kernel's router. */
  readonly station: string;
  /** What the middle calls its line, or that of the router before it. */
  readonly line: string;
}

/** A NAT and one public IPv4 address; the nodes behind it share one private IPv4 network. */
export interface NatRouter {
  readonly publicIp: string;
  /** What the middle calls its line. */
  readonly line: string;
  addNode(label: string): Promise<LabNode>;
}

/** One whose NAT is this machine's kernel, in a namespace of its own. */
export interface KernelRouter extends NatRouter, Machine {
  readonly station: string;
}

export interface PublicNodeOptions extends LineOptions {
  readonly families?: readonly Family[];
  /** A stateful firewall on the machine itself. */
  readonly firewall?: boolean;
  /** Gives it the next address in each family as well. */
  readonly twoAddresses?: boolean;
}

export interface KernelRouterOptions extends LineOptions {
  readonly unasked?: UnaskedInput;
}

/**
 * A small internet: namespaces whose devices lead to one middle, over lines without delay unless options say otherwise.
 * One public network for each machine or router joined to it (n from 1: 198.18.n.0/24 of RFC 2544's benchmark range,
 * 2001:db8:n::/64 of RFC 3849's). All private networks are 192.168.1.0/24, as in most homes, so that a private address
 * means another machine on either side.
 */
export class Topology {
  readonly middle: Middle = new Middle();
  readonly #namespaces: Namespace[] = [];
  #sites = 0;

  /** A machine with public addresses: IPv4 and IPv6, without a firewall, unless the options say otherwise. */
  async addNode(label: string, options: PublicNodeOptions = {}): Promise<LabNode> {
    const { families = [4, 6], firewall = false, twoAddresses = false, ...line } = options;
    const namespace = this.#open(label);
    const site = ++this.#sites;
    const numbers = twoAddresses ? [2, 3] : [2];
    const addresses = families.flatMap((family) => numbers.map((number) => publicIp(site, family, number)));
    await this.middle.addNode(namespace, "net", addresses, line);
    if (firewall) setFirewall(namespace);
    const firsts = new Map(families.map((family) => [family, publicIp(site, family, 2)]));
    return { namespace, addresses: firsts, station: namespace.name, line: namespace.name };
  }

  /** A router of this machine's kernel with one public IPv4 address. */
  async addKernelRouter(label: string, nat: NatKind, options: KernelRouterOptions = {}): Promise<KernelRouter> {
    const { unasked = "drop", ...line } = options;
    const namespace = this.#open(label);
    const ip = publicIp(++this.#sites, 4, 2);
    await this.middle.addNode(namespace, "wan", [ip], line);
    writeSettings(namespace, { "ipv4/ip_forward": 1 });
    configureLinks(namespace, [
      "link add name lan type bridge",
      "link set lan up",
      `addr add ${privateIp(1)}/24 dev lan`,
    ]);
    setNat(namespace, nat, unasked);
    let nodes = 0;
    const addNode = async (nodeLabel: string): Promise<LabNode> =>
      this.#addBehindKernel(namespace, nodeLabel, 10 + nodes++);
    return { namespace, publicIp: ip, station: namespace.name, line: namespace.name, addNode };
  }

  /** A router of the simulator's, inside the middle, with one public IPv4 address. */
  async addModelRouter(label: string, behaviour: RouterBehaviour, line: LineOptions = {}): Promise<NatRouter> {
    const site = ++this.#sites;
    const name = `${label}-${site}`;
    const ip = publicIp(site, 4, 2);
    await this.middle.tell({ type: "router", name, addresses: [ip], line, behaviour });
    let nodes = 0;
    const addNode = async (nodeLabel: string): Promise<LabNode> => {
      const namespace = this.#open(nodeLabel);
      const nodeIp = privateIp(10 + nodes++);
      await this.middle.addNode(namespace, "net", [nodeIp], {}, name);
      return { namespace, addresses: new Map([[4, nodeIp]]), station: namespace.name, line: name };
    };
    return { publicIp: ip, line: name, addNode };
  }

  /** Drops everything between two stations in the middle of the internet, until `heal`. */
  async cut(a: Joined, b: Joined): Promise<void> {
    await this.middle.tell({ type: "cut", a: a.station, b: b.station });
  }

  async heal(a: Joined, b: Joined): Promise<void> {
    await this.middle.tell({ type: "heal", a: a.station, b: b.station });
  }

  /** Changes what is named about a line, in both directions or in one. */
  async changeLine({ line }: { readonly line: string }, options: LineOptions): Promise<void> {
    await this.middle.tell({ type: "line", name: line, line: options });
  }

  /** Lets so much time have passed for the lines and the simulator's NATs, so that nobody waits for a lifetime to end. */
  async skip(ms: number): Promise<void> {
    await this.middle.tell({ type: "skip", ms });
  }

  /** Removes every machine. End their processes before. */
  async close(): Promise<void> {
    await this.middle.close();
    for (const namespace of this.#namespaces.splice(0)) closeNamespace(namespace);
  }

  #open(label: string): Namespace {
    const namespace = openNamespace(label);
    this.#namespaces.push(namespace);
    return namespace;
  }

  #addBehindKernel(router: Namespace, label: string, number: number): LabNode {
    const namespace = this.#open(label);
    const ip4 = privateIp(number);
    configureLinks(router, [
      `link add name node${number} type veth peer name net netns ${namespace.name}`,
      `link set node${number} master lan up`,
    ]);
    configureLinks(namespace, [
      "link set net up",
      `addr add ${ip4}/24 dev net`,
      `route add default via ${privateIp(1)}`,
    ]);
    return { namespace, addresses: new Map([[4, ip4]]), station: router.name, line: router.name };
  }
}

/** The node's address in this family; throws when it has none. */
export function ipOf(node: LabNode, family: Family): string {
  const ip = node.addresses.get(family);
  if (ip === undefined) throw new Error(`${node.namespace.name} has no IPv${family} address`);
  return ip;
}

/** The second address of a node that was made with two. */
export function secondIpOf(node: LabNode, family: Family): string {
  return ipOf(node, family).replace(/2$/, "3");
}

function privateIp(number: number): string {
  return `192.168.1.${number}`;
}

function publicIp(site: number, family: Family, number: number): string {
  return family === 4 ? `198.18.${site}.${number}` : `2001:db8:${site}::${number}`;
}
