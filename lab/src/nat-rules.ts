import { type Namespace, runIn } from "./namespace.ts";

/**
 * How a router's kernel translates. `masquerade` keeps the inner port where it is free, one for all destinations: a
 * cone NAT. `masquerade-random` draws a new port for each destination: a symmetric NAT (RFC 4787 section 4.1, address
 * and port-dependent mapping). Both let in only what was asked for, from the very address and port that was asked.
 */
export type NatKind = "masquerade" | "masquerade-random";

/**
 * What a router does with datagrams for its own public address that nothing behind it asked for. Home routers drop
 * them. Where they are accepted, the router's kernel remembers them, and an inner peer's own first datagram to the
 * same address then gets another port.
 */
export type UnaskedInput = "drop" | "accept";

/** Interfaces of a router: `wan` towards the internet, `lan` towards its nodes. */
export function setNat(router: Namespace, kind: NatKind, unasked: UnaskedInput): void {
  const flags = kind === "masquerade-random" ? " fully-random" : "";
  setRules(
    router,
    `table ip nat {
      chain postrouting {
        type nat hook postrouting priority srcnat
        oifname "wan" masquerade${flags}
      }
    }
    table inet router {
      chain input {
        type filter hook input priority filter; policy ${unasked}
        ${acceptAsked}
        iifname "lan" accept
      }
      chain forward {
        type filter hook forward priority filter; policy drop
        ct state established,related accept
        iifname "lan" accept
      }
    }`,
  );
}

/** Lets no UDP pass through the router any more, as some offices and hotels do, or lets it pass again. */
export function setUdpBlock(router: Namespace, blocks: boolean): void {
  const rule = blocks ? "meta l4proto udp drop" : "";
  setRules(
    router,
    `table inet block {
      chain forward {
        type filter hook forward priority filter - 1; policy accept
      }
    }
    flush table inet block
    table inet block {
      chain forward {
        ${rule}
      }
    }`,
  );
}

/** A machine's own stateful firewall, IPv4 and IPv6: it lets in answers, and nothing that was not asked for. */
export function setFirewall(node: Namespace): void {
  setRules(
    node,
    `table inet firewall {
      chain input {
        type filter hook input priority filter; policy drop
        ${acceptAsked}
      }
    }`,
  );
}

// IPv6 finds its neighbours by ICMP.
const acceptAsked = `ct state established,related accept
        iifname "lo" accept
        meta l4proto { icmp, ipv6-icmp } accept`;

function setRules(namespace: Namespace, rules: string): void {
  runIn(namespace, "nft", ["-f", "-"], `${rules}\n`);
}
