/** An invite: one string with all that a client needs to reach one host (docs/protocol.md section 10). */
import { type Address, addressFromBytes, ipBytes } from "@fractal-punch/machine";
import { ByteReader, ByteWriter, readU32 } from "./bytes.ts";
import { crc32 } from "./crc32.ts";
import { asciiBytes, asciiText, base64UrlBytes, base64UrlText } from "./text.ts";
import { type Ticket, ticketFromText, ticketText } from "./ticket.ts";
import type { TlsEntrance } from "./tls-entrance.ts";

export interface InviteServer {
  /** A DNS name, or an address as text. */
  readonly name: string;
  readonly port: number;
  /** Where the name was last found; used when it does not resolve. An invite has room for 8 of them. */
  readonly lastKnown: readonly Address[];
}

export interface Invite {
  readonly servers: readonly InviteServer[];
  /** The servers'; absent when the host does not know it. */
  readonly tls?: TlsEntrance;
  readonly hostKey: Uint8Array;
  readonly id: Uint8Array;
  readonly secret: Uint8Array;
  readonly ticket: Ticket;
}

/** `not-an-invite`: other text. `version`: of a version that this program does not read. `damaged`: cut short or altered. */
export type InviteFault = "not-an-invite" | "version" | "damaged";

const prefix = "fp1-";
const maxServers = 4;
const maxLastKnown = 8;
const noHash = new Uint8Array(32);

export function inviteText(invite: Invite): string {
  const writer = new ByteWriter().u8(invite.servers.length);
  for (const server of invite.servers) {
    const name = asciiBytes(server.name);
    const lastKnown = server.lastKnown.slice(0, maxLastKnown);
    writer.u16(server.port).u8(name.length).raw(name).u8(lastKnown.length);
    for (const address of lastKnown) writer.u8(address.family).raw(ipBytes(address));
  }
  const ticket = asciiBytes(ticketText(invite.ticket));
  const { tls } = invite;
  writer.raw(tls?.keyHash ?? noHash);
  if (tls) writer.u16(tls.port);
  writer.raw(invite.hostKey).raw(invite.id).raw(invite.secret);
  const body = writer.u16(ticket.length).raw(ticket).done();
  return prefix + base64UrlText(new ByteWriter().raw(body).u32(crc32(body, body.length)).done());
}

/** Reads an invite; spaces and line ends around it do no harm. */
export function inviteFromText(text: string): Invite | InviteFault {
  const trimmed = text.trim();
  const version = /^fp([0-9]+)-/.exec(trimmed);
  if (version === null) return "not-an-invite";
  if (version[0] !== prefix) return "version";
  const bytes = base64UrlBytes(trimmed.slice(prefix.length));
  if (bytes === undefined || bytes.length < 4) return "damaged";
  const length = bytes.length - 4;
  if (crc32(bytes, length) !== readU32(bytes, length)) return "damaged";
  return readInvite(new ByteReader(bytes.subarray(0, length))) ?? "damaged";
}

function readInvite(reader: ByteReader): Invite | undefined {
  const servers = readServers(reader);
  const keyHash = reader.take(32);
  const tls = keyHash.every((byte) => byte === 0) ? {} : { tls: { port: reader.u16(), keyHash } };
  const hostKey = reader.take(32);
  const id = reader.take(8);
  const secret = reader.take(32);
  const ticket = ticketFromText(asciiText(reader.take(reader.u16())));
  if (reader.failed || reader.remaining > 0 || servers === undefined || ticket === undefined) return undefined;
  return { servers, ...tls, hostKey, id, secret, ticket };
}

function readServers(reader: ByteReader): InviteServer[] | undefined {
  const count = reader.u8();
  if (count < 1 || count > maxServers) return undefined;
  const servers: InviteServer[] = [];
  for (let i = 0; i < count; i++) {
    const port = reader.u16();
    const name = asciiText(reader.take(reader.u8()));
    const lastKnown = readLastKnown(reader, port);
    if (lastKnown === undefined || name === "") return undefined;
    servers.push({ name, port, lastKnown });
  }
  return servers;
}

function readLastKnown(reader: ByteReader, port: number): Address[] | undefined {
  const count = reader.u8();
  if (count > maxLastKnown) return undefined;
  const addresses: Address[] = [];
  for (let i = 0; i < count; i++) {
    const family = reader.u8();
    const address = addressFromBytes(reader.take(family === 4 ? 4 : 16), port);
    if (address?.family !== family) return undefined;
    addresses.push(address);
  }
  return addresses;
}
