import { closeNamespace, configureLinks, type Namespace, openNamespace, writeSettings } from "./namespace.ts";
import { type NatKind, removeCut, setCut, setFirewall, setNat, type UnaskedInput } from "./nat-rules.ts";

export type Family = 4 | 6;

export interface Machine {
  readonly namespace: Namespace;
}

/** A machine that is no router. It has one interface, and in each of its families one address there: private behind a router. */
export interface LabNode extends Machine {
  readonly addresses: ReadonlyMap<Family, string>;
}

/** A router with a NAT and one public IPv4 address; its nodes share one private IPv4 network. */
export interface Router extends Machine {
  readonly publicIp: string;
  addNode(label: string): LabNode;
}

export interface PublicNodeOptions {
  readonly families?: readonly Family[];
  /** A stateful firewall on the machine itself. */
  readonly firewall?: boolean;
}

/**
 * A small internet in namespaces: one router in the middle, one public network for each machine or router joined to it
 * (n from 1: 198.18.n.0/24 of RFC 2544's benchmark range, 2001:db8:n::/64 of RFC 3849's). All private networks are
 * 192.168.1.0/24, as in most homes, so that a private address means another machine on either side.
 */
export class Topology {
  readonly #internet: Namespace;
  readonly #namespaces: Namespace[] = [];
  #sites = 0;

  constructor() {
    this.#internet = this.#open("internet");
    writeSettings(this.#internet, { "ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1 });
  }

  /** A machine with public addresses: IPv4 and IPv6, without a firewall, unless the options say otherwise. */
  addNode(label: string, { families = [4, 6], firewall = false }: PublicNodeOptions = {}): LabNode {
    const namespace = this.#open(label);
    const site = this.#join(namespace, "net", families);
    if (firewall) setFirewall(namespace);
    return { namespace, addresses: new Map(families.map((family) => [family, publicIp(site, family, 2)])) };
  }

  /** A router with one public IPv4 address. */
  addRouter(label: string, nat: NatKind, unasked: UnaskedInput = "drop"): Router {
    const namespace = this.#open(label);
    const site = this.#join(namespace, "wan", [4]);
    writeSettings(namespace, { "ipv4/ip_forward": 1 });
    configureLinks(namespace, [
      "link add name lan type bridge",
      "link set lan up",
      `addr add ${privatePrefix}.1/24 dev lan`,
    ]);
    setNat(namespace, nat, unasked);
    let nodes = 0;
    const addNode = (nodeLabel: string): LabNode => this.#addPrivateNode(namespace, nodeLabel, 10 + nodes++);
    return { namespace, publicIp: publicIp(site, 4, 2), addNode };
  }

  /** Drops everything between two public addresses of one family in the middle of the internet, until `heal`. */
  cut(a: string, b: string): void {
    setCut(this.#internet, a, b);
  }

  heal(): void {
    removeCut(this.#internet);
  }

  /** Removes every machine. End their processes before. */
  close(): void {
    for (const namespace of this.#namespaces.splice(0)) closeNamespace(namespace);
  }

  #open(label: string): Namespace {
    const namespace = openNamespace(label);
    this.#namespaces.push(namespace);
    return namespace;
  }

  #join(namespace: Namespace, device: string, families: readonly Family[]): number {
    const site = ++this.#sites;
    const near = `site${site}`;
    configureLinks(this.#internet, [
      `link add name ${near} type veth peer name ${device} netns ${namespace.name}`,
      `addr add ${publicIp(site, 4, 1)}/24 dev ${near}`,
      `addr add ${publicIp(site, 6, 1)}/64 dev ${near} nodad`,
      `link set ${near} up`,
    ]);
    configureLinks(namespace, [
      `link set ${device} up`,
      ...families.flatMap((family) => [
        `addr add ${publicIp(site, family, 2)}/${family === 4 ? 24 : "64 nodad"} dev ${device}`,
        `route add default via ${publicIp(site, family, 1)}`,
      ]),
    ]);
    return site;
  }

  #addPrivateNode(router: Namespace, label: string, number: number): LabNode {
    const namespace = this.#open(label);
    const ip4 = `${privatePrefix}.${number}`;
    configureLinks(router, [
      `link add name node${number} type veth peer name net netns ${namespace.name}`,
      `link set node${number} master lan up`,
    ]);
    configureLinks(namespace, [
      "link set net up",
      `addr add ${ip4}/24 dev net`,
      `route add default via ${privatePrefix}.1`,
    ]);
    return { namespace, addresses: new Map([[4, ip4]]) };
  }
}

/** The node's address in this family; throws when it has none. */
export function ipOf(node: LabNode, family: Family): string {
  const ip = node.addresses.get(family);
  if (ip === undefined) throw new Error(`${node.namespace.name} has no IPv${family} address`);
  return ip;
}

const privatePrefix = "192.168.1";

function publicIp(site: number, family: Family, number: number): string {
  return family === 4 ? `198.18.${site}.${number}` : `2001:db8:${site}::${number}`;
}
