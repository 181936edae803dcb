/**
 * UDP or TCP over IPv4 (RFC 791) or IPv6 (RFC 8200) in one whole packet at the start of a view: reading, and rewriting as
 * routers and NATs do, with the checksums mended by what changed (RFC 1624), so that a wrong sum stays wrong.
 */
import { type Address, addressFromBytes, ipBytes } from "@fractal-punch/machine";
import type { Transport } from "@fractal-punch/sim/internet";

const protocols = { tcp: 6, udp: 17 } as const;
const udpHeaderBytes = 8;
const tcpHeaderBytes = 20;
const ip4HeaderBytes = 20;
const ip6HeaderBytes = 40;
/** More fragments follow, or this is not the first. */
const fragmentBits = 0x3fff;
const dontFragmentBit = 0x4000;

/** Where a header has what; checksum offsets of 0 mean that there is none. */
interface Layout {
  readonly addressBytes: 4 | 16;
  readonly source: number;
  readonly hops: number;
  readonly protocol: number;
  readonly ipChecksum: number;
  readonly ports: number;
}

const layout4: Layout = { addressBytes: 4, source: 12, hops: 8, protocol: 9, ipChecksum: 10, ports: ip4HeaderBytes };
const layout6: Layout = { addressBytes: 16, source: 8, hops: 7, protocol: 6, ipChecksum: 0, ports: ip6HeaderBytes };

/**
 * How many bytes the IP header and the first 8 of UDP's or TCP's take in a packet of `lengthBytes`; `undefined` when it is
 * anything but one whole datagram or segment behind a plain header: options, extension headers and fragments are not read.
 */
export function headerLength(packet: DataView, lengthBytes: number): number | undefined {
  if (lengthBytes < ip4HeaderBytes + udpHeaderBytes) return undefined;
  const isPlain = packet.getUint8(0) === 0x45 ? isPlain4(packet, lengthBytes) : isPlain6(packet, lengthBytes);
  if (!isPlain) return undefined;
  const { protocol, ports } = layoutOf(packet);
  const contentBytes = lengthBytes - ports;
  const isWhole =
    packet.getUint8(protocol) === protocols.udp
      ? packet.getUint16(ports + 4) === contentBytes
      : packet.getUint8(protocol) === protocols.tcp && contentBytes >= tcpHeaderBytes;
  return isWhole ? ports + udpHeaderBytes : undefined;
}

function isPlain4(packet: DataView, lengthBytes: number): boolean {
  return packet.getUint16(2) === lengthBytes && (packet.getUint16(6) & fragmentBits) === 0;
}

function isPlain6(packet: DataView, lengthBytes: number): boolean {
  const isLongEnough = lengthBytes >= ip6HeaderBytes + udpHeaderBytes;
  return isLongEnough && packet.getUint8(0) >> 4 === 6 && packet.getUint16(4) === lengthBytes - ip6HeaderBytes;
}

/** Of a packet that has a `headerLength`. */
export function transportOf(packet: DataView): Transport {
  return packet.getUint8(layoutOf(packet).protocol) === protocols.tcp ? "tcp" : "udp";
}

/** `undefined` for an IPv4-mapped IPv6 address. */
export function sourceOf(packet: DataView): Address | undefined {
  const { source, addressBytes, ports } = layoutOf(packet);
  return addressAt(packet, source, addressBytes, packet.getUint16(ports));
}

/** `undefined` for an IPv4-mapped IPv6 address. */
export function targetOf(packet: DataView): Address | undefined {
  const { source, addressBytes, ports } = layoutOf(packet);
  return addressAt(packet, source + addressBytes, addressBytes, packet.getUint16(ports + 2));
}

/** The time to live (IPv4), or the hop limit (IPv6). */
export function hopsOf(packet: DataView): number {
  return packet.getUint8(layoutOf(packet).hops);
}

/** Whether a router must not fragment it: over IPv6 none does. */
export function mustStayWhole(packet: DataView): boolean {
  return layoutOf(packet) === layout6 || (packet.getUint16(6) & dontFragmentBit) !== 0;
}

/** Puts in other addresses, of the family that the packet has, and another number of hops. */
export function rewrite(packet: DataView, source: Address, target: Address, hops: number): void {
  const layout = layoutOf(packet);
  const { addressBytes, ipChecksum, ports } = layout;
  const words = addressBytes;
  const addressesBefore = wordSum(packet, layout.source, words);
  const portsBefore = wordSum(packet, ports, 2);
  const hopsBefore = packet.getUint16(8);
  putIp(packet, layout.source, source);
  putIp(packet, layout.source + addressBytes, target);
  packet.setUint16(ports, source.port);
  packet.setUint16(ports + 2, target.port);
  packet.setUint8(layout.hops, hops);
  const addresses = wordSum(packet, layout.source, words);
  if (ipChecksum !== 0)
    mend(packet, ipChecksum, addressesBefore + hopsBefore, addresses + packet.getUint16(8), words + 1);
  const isUdp = transportOf(packet) === "udp";
  const checksum = ports + (isUdp ? 6 : 16);
  // Over IPv4 a sum of 0 says that UDP has none (RFC 768).
  if (isUdp && packet.getUint16(checksum) === 0) return;
  mend(packet, checksum, addressesBefore + portsBefore, addresses + wordSum(packet, ports, 2), words + 2);
  if (isUdp && packet.getUint16(checksum) === 0) packet.setUint16(checksum, 0xffff);
}

function layoutOf(packet: DataView): Layout {
  return packet.getUint8(0) >> 4 === 4 ? layout4 : layout6;
}

function addressAt(packet: DataView, offset: number, lengthBytes: 4 | 16, port: number): Address | undefined {
  if (lengthBytes === 4) return { family: 4, ip: packet.getUint32(offset), port };
  return addressFromBytes(new Uint8Array(packet.buffer, packet.byteOffset + offset, lengthBytes), port);
}

function putIp(packet: DataView, offset: number, address: Address): void {
  if (address.family === 4) return packet.setUint32(offset, address.ip);
  new Uint8Array(packet.buffer, packet.byteOffset + offset, 16).set(ipBytes(address));
}

/** Of 16-bit words; at most 18 are summed here, which no 32-bit number is too small for. */
function wordSum(packet: DataView, offset: number, words: number): number {
  let sum = 0;
  for (let i = 0; i < words; i++) sum += packet.getUint16(offset + 2 * i);
  return sum;
}

/** RFC 1624's HC' = ~(~HC + ~m + m'), for `words` words m of sum `before` that have the sum `after` now. */
function mend(packet: DataView, offset: number, before: number, after: number, words: number): void {
  let sum = 0xffff - packet.getUint16(offset) + (words * 0xffff - before) + after;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  packet.setUint16(offset, 0xffff - sum);
}
