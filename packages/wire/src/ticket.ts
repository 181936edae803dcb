/** Tickets: the operator's signed permission to use a server, of which nothing is stored (docs/protocol.md section 3). */
import type { Macs } from "@fractal-punch/machine";
import { asciiBytes, base32Bytes, base32Text, base64UrlText } from "./text.ts";

export interface Ticket {
  readonly username: string;
  readonly password: string;
}

/** What a username says. `hostUsername` is there when the host, not the operator, minted the ticket. */
export type TicketScope =
  | { readonly kind: "host"; readonly expirySeconds: number; readonly name: string }
  | {
      readonly kind: "client";
      readonly expirySeconds: number;
      readonly hostId: string;
      readonly hostUsername?: string;
    };

const hostForm = /^([0-9]{1,12}):host\/([a-z0-9-]{1,32})$/;
const clientForm = /^([0-9]{1,12}):client\/([a-z2-7]{52})(?::([0-9]{1,12}:host\/[a-z0-9-]{1,32}))?$/;

/** The longest username there is: a client's, minted by a host. */
export const maxUsernameBytes = 128;

export function ticketText(ticket: Ticket): string {
  return `${ticket.username}:${ticket.password}`;
}

/** `undefined` when it is not of the form `username:password`. Says nothing of its validity. */
export function ticketFromText(text: string): Ticket | undefined {
  const split = text.lastIndexOf(":");
  const username = text.slice(0, split);
  const password = text.slice(split + 1);
  return split > 0 && /^[A-Za-z0-9_-]{43}$/.test(password) ? { username, password } : undefined;
}

/** `undefined` for a username that names no host and no client. */
export function ticketScope(username: string): TicketScope | undefined {
  const host = hostForm.exec(username);
  if (host?.[1] !== undefined && host[2] !== undefined)
    return { kind: "host", expirySeconds: Number(host[1]), name: host[2] };
  const client = clientForm.exec(username);
  if (client?.[1] === undefined || client[2] === undefined) return undefined;
  const minted = client[3] === undefined ? {} : { hostUsername: client[3] };
  return { kind: "client", expirySeconds: Number(client[1]), hostId: client[2], ...minted };
}

/** When a ticket ends by its username, in ms since 1970; `undefined` when it names no host and no client. */
export function ticketEndsAtMs(ticket: Ticket): number | undefined {
  const scope = ticketScope(ticket.username);
  return scope && scope.expirySeconds * 1000;
}

export function hostUsername(expirySeconds: number, name: string): string {
  return `${expirySeconds}:host/${name}`;
}

/** With the host's username when the host mints it, without when the operator does. */
export function clientUsername(expirySeconds: number, hostId: string, mintedBy?: string): string {
  return mintedBy === undefined ? `${expirySeconds}:client/${hostId}` : `${expirySeconds}:client/${hostId}:${mintedBy}`;
}

/** For usernames as bytes: an array of more than 64 bytes of its own costs as much as its HMAC. */
const usernameRoom = new Uint8Array(maxUsernameBytes);

/** `key`: the operator secret, or the password of the host that mints. */
export function ticketPassword(macs: Macs, key: string, username: string): string {
  return base64UrlText(macs.hmacSha256(asciiBytes(key), asciiBytes(username, usernameRoom)));
}

export function hostIdText(publicKey: Uint8Array): string {
  return base32Text(publicKey);
}

/** The public key; `undefined` when the text is no host id. */
export function hostIdBytes(text: string): Uint8Array | undefined {
  const bytes = base32Bytes(text);
  return bytes?.length === 32 ? bytes : undefined;
}
