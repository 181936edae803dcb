/** From what the machines say to the errors that people get. */
import { ErrorCode, type HostRefusal, type Ticket, ticketEndsAtMs } from "@fractal-punch/wire";
import type { ConnectFailure } from "./core/events.ts";
import { PunchError, type PunchErrorCode } from "./errors.ts";

const codesOfServer: Partial<Record<ErrorCode, PunchErrorCode>> = {
  [ErrorCode.ticketWrong]: "TICKET_WRONG",
  [ErrorCode.ticketExpired]: "TICKET_EXPIRED",
  [ErrorCode.ticketRevoked]: "TICKET_REVOKED",
  [ErrorCode.ticketScope]: "TICKET_SCOPE",
  [ErrorCode.timeOff]: "CLOCK_OFF",
  [ErrorCode.hostNotRegistered]: "HOST_NOT_FOUND",
  [ErrorCode.replaced]: "REPLACED",
  [ErrorCode.limitReached]: "SERVER_FULL",
  [ErrorCode.serverFull]: "SERVER_FULL",
};

const codesOfHost: Record<HostRefusal, PunchErrorCode> = {
  "unknown-invite": "INVITE_UNKNOWN",
  "invite-ended": "INVITE_REVOKED",
  "time-off": "CLOCK_OFF",
  "host-full": "HOST_FULL",
  version: "VERSION",
};

/** A refusal by the server. */
export function serverRefusal(code: ErrorCode, server: string): PunchError {
  const known = codesOfServer[code];
  if (known) return new PunchError(known);
  return new PunchError(
    "VERSION",
    `The server ${server} answered with error ${code}. Perhaps it is of another version.`,
  );
}

/** Why `connect` came to nothing. */
export function connectError(failure: ConnectFailure, server: string, ticket: Ticket): PunchError {
  switch (failure.kind) {
    case "server-unreachable":
      return new PunchError("SERVER_UNREACHABLE", unreachableText(server, failure.tls));
    case "host-silent":
      return new PunchError("HOST_SILENT");
    case "refused":
      // To who holds an invite, its ticket is a part of it.
      return failure.code === ErrorCode.ticketExpired
        ? new PunchError("INVITE_EXPIRED")
        : serverRefusal(failure.code, server);
    case "host-refused": {
      const ended = failure.refusal === "invite-ended" && hasExpired(ticket);
      return new PunchError(ended ? "INVITE_EXPIRED" : codesOfHost[failure.refusal]);
    }
  }
}

/** `tls`: why TLS, too, came to nothing, where it did. */
export function unreachableText(server: string, tls: string | undefined): string {
  const said = `The server ${server} does not answer.`;
  if (tls === "CERTIFICATE")
    return `${said} UDP does not get through, and over TLS another certificate shows itself than the server's: either this network opens TLS on the way (then give Node its authority's certificate with NODE_EXTRA_CA_CERTS), or the server has a new one (then ask for a new invite).`;
  return `${said} Check that it runs, and that its UDP port, or its TLS port, can be reached from here${tls === undefined ? "" : ` (TLS: ${tls})`}.`;
}

function hasExpired(ticket: Ticket): boolean {
  return (ticketEndsAtMs(ticket) ?? Infinity) <= Date.now();
}
