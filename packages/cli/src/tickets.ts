/** Host tickets as a host's command needs them. */
import { mintHostTicket, mintOpenTicket } from "@fractal-punch/server";
import { ticketEndsAtMs, ticketFromText, ticketScope, ticketText } from "@fractal-punch/wire";

export const hostLifeSeconds = 31_536_000;

/** When a ticket that begins now ends, in seconds since 1970. */
export function expiryAfter(lifeSeconds: number): number {
  return Math.floor(Date.now() / 1000) + lifeSeconds;
}

/** When the ticket ends, in ms since 1970; `undefined` for what is no ticket of a host or client. */
export function ticketTextEndsAtMs(text: string): number | undefined {
  const ticket = ticketFromText(text);
  return ticket && ticketEndsAtMs(ticket);
}

/** Whether this secret made the host's ticket. */
export function isMadeWith(secret: string, text: string): boolean {
  const scope = ticketScope(ticketFromText(text)?.username ?? "");
  return scope?.kind === "host" && ticketText(mintHostTicket(secret, scope.name, scope.expirySeconds)) === text;
}

export function newHostTicket(secret: string, name: string): string {
  return ticketText(mintHostTicket(secret, name, expiryAfter(hostLifeSeconds)));
}

/** One that only a server with open access takes. */
export function newOpenTicket(): string {
  return ticketText(mintOpenTicket(expiryAfter(hostLifeSeconds)));
}
