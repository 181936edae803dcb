/** Making tickets (docs/protocol.md section 3). */
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import { clientUsername, hostUsername, type Ticket, ticketPassword, ticketScope } from "@fractal-punch/wire";
import { mintedPassword, openName, openSecret } from "./core/index.ts";
import { ServerError } from "./server-error.ts";

/** A ticket for hosts. `name`: 1 to 32 of a-z, 0-9 and "-". `expirySeconds`: since 1970. Throws OPTION. */
export function mintHostTicket(secret: string, name: string, expirySeconds: number): Ticket {
  const username = hostUsername(expirySeconds, name);
  if (ticketScope(username) !== undefined) return signed(secret, username);
  throw new ServerError("OPTION", `A host ticket cannot be named "${name}": use 1 to 32 of a-z, 0-9 and "-".`);
}

/** A ticket with which to reach one host, from the operator. Throws OPTION. */
export function mintClientTicket(secret: string, hostId: string, expirySeconds: number): Ticket {
  const username = clientUsername(expirySeconds, hostId);
  if (ticketScope(username) !== undefined) return signed(secret, username);
  throw new ServerError("OPTION", `"${hostId}" is no host id: it has 52 characters, a-z and 2-7.`);
}

/** The host ticket that every server with open access takes. */
export function mintOpenTicket(expirySeconds: number): Ticket {
  return mintHostTicket(openSecret, openName, expirySeconds);
}

/**
 * A username and password for TURN: `<expiry>:<name>`, and what login services make for coturn's `use-auth-secret`. Throws
 * OPTION.
 */
export function mintTurnTicket(secret: string, name: string, expirySeconds: number): Ticket {
  const username = `${expirySeconds}:${name}`;
  if (!/^[!-~]{1,64}$/.test(name) || ticketScope(username) !== undefined)
    throw new ServerError(
      "OPTION",
      `A TURN user cannot be named "${name}": use 1 to 64 printable characters of ASCII.`,
    );
  return { username, password: mintedPassword(nodePrimitives, secret, username) };
}

function signed(secret: string, username: string): Ticket {
  return { username, password: ticketPassword(nodePrimitives, secret, username) };
}
