/** From a server's name, as people write it, to the addresses it can be reached at. */
import { lookup } from "node:dns/promises";
import { domainToASCII } from "node:url";
import {
  type Address,
  type Address4,
  type Address6,
  addressFromIpText,
  sameIp,
  withPort,
} from "@fractal-punch/machine";
import { PunchError } from "../errors.ts";
import { ownAddresses } from "./interfaces.ts";
import { translated } from "./nat64.ts";
import { systemErrorCode } from "./system-error.ts";

const defaultPort = 48_800;

export interface ServerName {
  /** A DNS name, or an address as text, without brackets. */
  readonly name: string;
  readonly port: number;
}

export interface ServerAddresses extends ServerName {
  readonly v4: readonly Address4[];
  readonly v6: readonly Address6[];
}

/** What resolving needs of the system. */
export interface NameSystem {
  /** All addresses of a name, as text; rejects with a system error when there are none. */
  lookup(name: string): Promise<readonly string[]>;
  /** Whether this machine has an IPv4 address of its own. */
  hasIpv4(): boolean;
}

const nodeNameSystem: NameSystem = {
  async lookup(name) {
    const found = await lookup(name, { all: true, verbatim: true });
    return found.map(({ address }) => address);
  },
  hasIpv4: () => ownAddresses().some(({ address }) => address.family === 4),
};

/** Reads "punch.example.com", "name:port", "192.0.2.1:48800", "[2001:db8::1]:48800". Throws USAGE for anything else. */
export function serverFromText(text: string): ServerName {
  const trimmed = text.trim();
  if (addressFromIpText(trimmed, 0)?.family === 6) return { name: trimmed, port: defaultPort };
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]+))(?::(.*))?$/.exec(trimmed);
  if (match === null) throw serverTextError(text, "it should be a name or an address, and perhaps a colon and a port");
  const [, bracketed, plain = "", portText] = match;
  const port = portText === undefined ? defaultPort : portFromText(text, portText);
  if (bracketed === undefined) return { name: plainName(text, plain), port };
  if (addressFromIpText(bracketed, 0)?.family === 6) return { name: bracketed, port };
  throw serverTextError(text, "between brackets there should be an IPv6 address, without a zone");
}

/**
 * The server's addresses, with its port. `lastKnown` (their ports do not matter) is used when the name cannot be looked
 * up. Where only IPv6 is here and only IPv4 there, v6 holds the addresses under which NAT64 translates (RFC 7050).
 * Rejects with SERVER_UNRESOLVED.
 */
export async function resolveServer(
  server: ServerName,
  lastKnown: readonly Address[] = [],
  system: NameSystem = nodeNameSystem,
): Promise<ServerAddresses> {
  const { name, port } = server;
  const addresses = (await addressesOf(server, lastKnown, system)).map((address) => withPort(address, port));
  const v4 = addresses.filter((address) => address.family === 4);
  const v6 = addresses.filter((address) => address.family === 6);
  if (v6.length > 0 || system.hasIpv4()) return { name, port, v4, v6 };
  return { name, port, v4, v6: await translated(v4, (arpa) => system.lookup(arpa)) };
}

async function addressesOf(
  { name }: ServerName,
  lastKnown: readonly Address[],
  system: NameSystem,
): Promise<readonly Address[]> {
  const literal = addressFromIpText(name, 0);
  if (literal !== undefined) return [literal];
  try {
    const found = distinct(await system.lookup(name));
    if (found.length > 0) return found;
    throw new Error(`no usable address for ${name}`);
  } catch (cause) {
    if (lastKnown.length > 0) return lastKnown;
    throw new PunchError("SERVER_UNRESOLVED", unresolvedSentence(name, cause), cause);
  }
}

function distinct(texts: readonly string[]): Address[] {
  const addresses: Address[] = [];
  for (const text of texts) {
    const address = addressFromIpText(text, 0);
    if (address !== undefined && !addresses.some((other) => sameIp(other, address))) addresses.push(address);
  }
  return addresses;
}

function unresolvedSentence(name: string, cause: unknown): string {
  const code = systemErrorCode(cause);
  if (code === "EAI_AGAIN")
    return `The server's name ${name} could not be looked up. Check that this machine is online.`;
  const why = code === undefined || code === "ENOTFOUND" ? "" : ` (${code})`;
  return `The server's name ${name} was not found${why}. Check its spelling, and that this machine is online.`;
}

function portFromText(text: string, portText: string): number {
  const port = /^[0-9]{1,5}$/.test(portText) ? Number(portText) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw serverTextError(text, "behind the colon there should be a port, a number from 1 to 65535");
}

/** An IPv4 address, or a DNS name in ASCII. What ends in a number but is no address is an address mistyped. */
function plainName(text: string, plain: string): string {
  if (addressFromIpText(plain, 0) !== undefined) return plain;
  const name = domainToASCII(plain).replace(/\.$/, "");
  const labels = name.split(".");
  const wellFormed = labels.every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label));
  const mistyped = /(?:^|\.)[0-9]+\.?$/.test(plain);
  const hasPath = /[/?#@\\]/.test(plain);
  if (wellFormed && !mistyped && !hasPath && name.length <= 253) return name;
  throw serverTextError(text, "it is neither a name nor an address");
}

function serverTextError(text: string, what: string): PunchError {
  return new PunchError("USAGE", `The server "${text}" cannot be read: ${what}, as in punch.example.com:48800.`);
}
