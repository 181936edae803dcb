/**
 * Transport addresses as values that are cheap to make, compare and use as keys. Text appears only at the edges.
 * IPv4 addresses are unsigned 32-bit numbers; IPv6 addresses are strings of 16 characters, one for each byte.
 * An IPv4-mapped IPv6 address (::ffff:a.b.c.d) is never one of ours: reading one gives `undefined`.
 */

export interface Address4 {
  readonly family: 4;
  readonly ip: number;
  readonly port: number;
}

export interface Address6 {
  readonly family: 6;
  readonly ip: string;
  readonly port: number;
}

export type Address = Address4 | Address6;

/** IPv4: ip x 65536 + port, a safe integer. IPv6: 16 characters of address and 2 of port. */
export type AddressKey = number | string;

const mappedPrefix = "\0\0\0\0\0\0\0\0\0\0\u00ff\u00ff";
const fifteenZeros: string = "\0".repeat(15);

export function addressKey(address: Address4): number;
export function addressKey(address: Address): AddressKey;
export function addressKey(address: Address): AddressKey {
  if (address.family === 4) return address.ip * 65_536 + address.port;
  return address.ip + String.fromCharCode(address.port >> 8, address.port & 0xff);
}

export function sameAddress(a: Address, b: Address): boolean {
  return a.ip === b.ip && a.port === b.port;
}

export function sameIp(a: Address, b: Address): boolean {
  return a.ip === b.ip;
}

export function withPort(address: Address, port: number): Address {
  return { ...address, port };
}

/** The address's bytes, 4 or 16, in network order. */
export function ipBytes(address: Address): Uint8Array {
  if (address.family === 4) {
    const { ip } = address;
    return Uint8Array.of(ip >>> 24, (ip >>> 16) & 0xff, (ip >>> 8) & 0xff, ip & 0xff);
  }
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 16; i++) bytes[i] = address.ip.charCodeAt(i);
  return bytes;
}

/** From 4 or 16 bytes in network order; `undefined` for any other length, and for IPv4-mapped IPv6. */
export function addressFromBytes(ip: Uint8Array, port: number): Address | undefined {
  if (ip.length === 4) {
    const view = new DataView(ip.buffer, ip.byteOffset, 4);
    return { family: 4, ip: view.getUint32(0), port };
  }
  if (ip.length !== 16) return undefined;
  // V8 spreads a plain array eight times as fast as a typed one.
  const text = String.fromCharCode(...plainArray(ip));
  return text.startsWith(mappedPrefix) ? undefined : { family: 6, ip: text, port };
}

/**
 * From "192.0.2.1" or "2001:db8::1" (no brackets, no zone); `undefined` when it is neither. A leading zero ("010") is
 * refused: some programs read it as octal.
 */
export function addressFromIpText(text: string, port: number): Address | undefined {
  const bytes = text.includes(":") ? ip6Bytes(text) : ip4Bytes(text);
  return bytes === undefined ? undefined : addressFromBytes(bytes, port);
}

/** From "192.0.2.1:48800" or "[2001:db8::1]:48800"; `undefined` when it is neither. */
export function addressFromText(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-fA-F.]*:[0-9a-fA-F:.]*)\]|([0-9.]+)):([0-9]{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  return port > 65_535 ? undefined : addressFromIpText(match[1] ?? match[2] ?? "", port);
}

export function ipText(address: Address): string {
  const bytes = ipBytes(address);
  return address.family === 4 ? bytes.join(".") : ip6Text(bytes);
}

export function addressText(address: Address): string {
  const ip = ipText(address);
  return address.family === 4 ? `${ip}:${address.port}` : `[${ip}]:${address.port}`;
}

/** The leading `bits` of the address as a key: a network to count by. */
export function prefixKey(address: Address, bits: number): AddressKey {
  if (address.family === 4) return bits === 0 ? 0 : (address.ip & (-1 << (32 - bits))) >>> 0;
  const whole = bits >> 3;
  const rest = bits & 7;
  const kept = address.ip.slice(0, whole);
  return rest === 0 ? kept : kept + String.fromCharCode(address.ip.charCodeAt(whole) & (0xff << (8 - rest)));
}

export type AddressScope = "unspecified" | "loopback" | "link-local" | "private" | "shared" | "multicast" | "global";

/** What kind of address it is: RFC 6890's registry, as far as a peer's choice of candidates needs it. */
export function addressScope(address: Address): AddressScope {
  return address.family === 4 ? scope4(address.ip) : scope6(address);
}

function scope4(ip: number): AddressScope {
  const first = ip >>> 24;
  const second = (ip >>> 16) & 0xff;
  if (first === 0) return "unspecified";
  if (first === 127) return "loopback";
  if (first === 10 || (first === 172 && (second & 0xf0) === 16) || (first === 192 && second === 168)) return "private";
  if (first === 169 && second === 254) return "link-local";
  if (first === 100 && (second & 0xc0) === 64) return "shared";
  return first >= 224 ? "multicast" : "global";
}

function scope6(address: Address6): AddressScope {
  const first = address.ip.charCodeAt(0);
  const second = address.ip.charCodeAt(1);
  if (first === 0xff) return "multicast";
  if (first === 0xfe && (second & 0xc0) === 0x80) return "link-local";
  if ((first & 0xfe) === 0xfc) return "private";
  if (!address.ip.startsWith(fifteenZeros)) return "global";
  const last = address.ip.charCodeAt(15);
  if (last === 0) return "unspecified";
  return last === 1 ? "loopback" : "global";
}

function plainArray(bytes: Uint8Array): number[] {
  const array: number[] = [];
  for (let i = 0; i < bytes.length; i++) array.push(bytes[i] ?? 0);
  return array;
}

function ip4Bytes(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  const wellFormed =
    parts.length === 4 && parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
  return wellFormed ? Uint8Array.from(parts, Number) : undefined;
}

function ip6Bytes(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, index) => ip6Groups(half, index === halves.length - 1));
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 16 ? Uint8Array.from(head) : undefined;
  if (tail === undefined || head.length + tail.length > 14) return undefined;
  return Uint8Array.from([...head, ...Array<number>(16 - head.length - tail.length).fill(0), ...tail]);
}

/** Two bytes for each group of hexadecimal digits, four for a dotted IPv4 end, which only the last half may have. */
function ip6Groups(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const groups = text.split(":");
  const bytes: number[] = [];
  for (const [index, group] of groups.entries()) {
    const dotted = last && index === groups.length - 1 ? ip4Bytes(group) : undefined;
    if (dotted !== undefined) bytes.push(...dotted);
    else if (/^[0-9a-fA-F]{1,4}$/.test(group))
      bytes.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff);
    else return undefined;
  }
  return bytes;
}

/** RFC 5952: lower case, no leading zeros, the longest run of at least two zero groups as "::". */
function ip6Text(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(2 * index).toString(16));
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === "0") length++;
    if (length > best.length) best = { start, length };
  }
  if (best.length === 1) return groups.join(":");
  return `${groups.slice(0, best.start).join(":")}::${groups.slice(best.start + best.length).join(":")}`;
}
