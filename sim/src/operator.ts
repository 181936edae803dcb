/** Who runs a scenario's server: mints its tickets and revokes them. */

import type { Macs } from "@fractal-punch/machine";
import { revocationHash } from "@fractal-punch/server/core";
import { clientUsername, hostUsername, type Ticket, ticketPassword } from "@fractal-punch/wire";

export class Operator {
  readonly secret: string;
  readonly #macs: Macs;

  constructor(secret: string, macs: Macs) {
    this.secret = secret;
    this.#macs = macs;
  }

  hostTicket(expirySeconds: number, name: string): Ticket {
    return this.#ticket(this.secret, hostUsername(expirySeconds, name));
  }

  /** As a login service mints it. */
  clientTicket(expirySeconds: number, hostId: string): Ticket {
    return this.#ticket(this.secret, clientUsername(expirySeconds, hostId));
  }

  /** As the host mints it itself. */
  clientTicketOf(host: Ticket, expirySeconds: number, hostId: string): Ticket {
    return this.#ticket(host.password, clientUsername(expirySeconds, hostId, host.username));
  }

  /** What the server is told to revoke it. */
  revocation({ username }: Ticket): { type: "revoke"; usernameHash: string; expirySeconds: number } {
    const expirySeconds = Number(username.split(":")[0]);
    return { type: "revoke", usernameHash: revocationHash(this.#macs, this.secret, username), expirySeconds };
  }

  #ticket(key: string, username: string): Ticket {
    return { username, password: ticketPassword(this.#macs, key, username) };
  }
}
