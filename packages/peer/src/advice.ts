/** What a verdict's reason means for people, and what they can do about it. */
import type { VerdictReason } from "@fractal-punch/wire";

const advice: Record<VerdictReason, string> = {
  trying: "A direct path is still being tried; this takes up to two seconds.",
  direct: "The datagrams travel directly between the two devices.",
  "both-symmetric":
    "Both routers give every destination a port of its own (symmetric NAT), so neither side can know where to send. Open or forward a UDP port on one of them, switch on UPnP there, or use IPv6.",
  "symmetric-here":
    "This side's router gives every destination a port of its own (symmetric NAT), and the other side lets in only what it expects. Forward a UDP port on either router, switch on UPnP, or use IPv6.",
  "symmetric-there":
    "The other side's router gives every destination a port of its own (symmetric NAT), and this side lets in only what it expects. Forward a UDP port on either router, switch on UPnP, or use IPv6.",
  "no-answer":
    "Probes went out to every address of the other side and none came back: a firewall on the way drops UDP. Allow outgoing UDP and its answers on both sides.",
  "direct-lost":
    "There was a direct path, and it stopped working; the session goes on over the server, and a direct path is tried again every few seconds.",
  "direct-lossy":
    "There is a direct path, but it loses more datagrams than the way over the server does. It is used again when it loses less.",
  "no-common-family":
    "One side has only IPv4 and the other only IPv6, so they cannot reach each other directly. Give one of them the other kind of address.",
  "both-udp-blocked":
    "Both networks block UDP, so the session goes over the server by TLS. Allow outgoing UDP and its answers in one of them, and it becomes faster; in both, and it can become direct.",
  "udp-blocked-here":
    "This side's network blocks UDP, so the session goes over the server, to which this side speaks TLS. Allow outgoing UDP and its answers here.",
  "udp-blocked-there":
    "The other side's network blocks UDP, so the session goes over the server, to which the other side speaks TLS. Allow outgoing UDP and its answers there.",
  "host-silent": "The host does not answer.",
};

export function adviceFor(reason: VerdictReason): string {
  return advice[reason];
}
