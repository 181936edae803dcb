/** Everything that can go wrong for the people who use a peer: one code each, described in docs/errors.md. */

/**
 * The one table of error codes. `sentence` says what is wrong and what to do, for when nothing more exact is known;
 * `exitCode` is what the `fractal-punch` command ends with.
 */
export const punchErrors = {
  USAGE: {
    sentence: "The command was called with something that it does not take; its --help says what it takes.",
    exitCode: 2,
  },
  INVITE_INVALID: {
    sentence:
      'This is not an invite. An invite is one word that starts with "fp1-"; copy it from what the host printed.',
    exitCode: 2,
  },
  INVITE_DAMAGED: {
    sentence: "The invite was cut short or altered on its way. Copy it again, whole, from what the host printed.",
    exitCode: 2,
  },
  INVITE_VERSION: {
    sentence:
      "The invite is of a version that this program does not read. Use the same version of Fractal Punch as the host.",
    exitCode: 2,
  },
  INVITE_EXPIRED: {
    sentence: "The invite has expired. Ask the host's owner for a new one.",
    exitCode: 4,
  },
  INVITE_REVOKED: {
    sentence: "The host's owner has revoked this invite. Ask for a new one.",
    exitCode: 4,
  },
  INVITE_UNKNOWN: {
    sentence:
      "The host does not know this invite. Perhaps its list of invites was deleted; ask its owner for a new invite.",
    exitCode: 4,
  },
  TICKET_INVALID: {
    sentence:
      'This is not a ticket. A host\'s ticket reads "<expiry>:host/<name>:<password>"; copy it whole, as the operator gave it.',
    exitCode: 2,
  },
  TICKET_WRONG: {
    sentence: "The server says that the ticket is not one of its own. Ask the server's operator for a ticket.",
    exitCode: 4,
  },
  TICKET_EXPIRED: {
    sentence: "The ticket has expired. A host needs a new ticket from the server's operator; a client, a new invite.",
    exitCode: 4,
  },
  TICKET_REVOKED: {
    sentence: "The server's operator has revoked the ticket. Ask the operator why, and for a new one.",
    exitCode: 4,
  },
  TICKET_SCOPE: {
    sentence:
      "The ticket is for something else: another host, or not for hosts at all. Use the ticket that was made for this.",
    exitCode: 4,
  },
  SERVER_UNRESOLVED: {
    sentence: "The server's name was not found. Check its spelling, and that this machine is online.",
    exitCode: 3,
  },
  SERVER_UNREACHABLE: {
    sentence:
      "The server does not answer. Check that it runs, and that its UDP port, or its TLS port, can be reached from here.",
    exitCode: 3,
  },
  SERVER_FULL: {
    sentence: "The server has reached a limit. Try again in a minute; if it stays so, tell its operator.",
    exitCode: 4,
  },
  CLOCK_OFF: {
    sentence:
      "The clocks of this machine and of the other side differ too much. Set this machine's clock and try again.",
    exitCode: 4,
  },
  HOST_NOT_FOUND: {
    sentence: "The host is not registered at the server. Start it there, and try again.",
    exitCode: 5,
  },
  HOST_SILENT: {
    sentence:
      "The server knows the host, but the host does not answer. Perhaps it has just gone offline; try again in a minute.",
    exitCode: 6,
  },
  HOST_FULL: {
    sentence: "The host has as many sessions as it takes. Try again later.",
    exitCode: 4,
  },
  VERSION: {
    sentence: "The host speaks another version of the protocol. Use the same version of Fractal Punch on both sides.",
    exitCode: 4,
  },
  REPLACED: {
    sentence:
      "This host's key is in use by another process, which registered later. Stop one of the two, then start this one again.",
    exitCode: 4,
  },
  TOO_LARGE: {
    sentence: "The datagram is larger than the path takes now. Send no more than maxDatagramBytes at once.",
    exitCode: 2,
  },
  CLOSED: {
    sentence: "The session is closed. Connect again to go on.",
    exitCode: 6,
  },
  PATH_LOST: {
    sentence:
      "Nothing was heard from the other peer for 10 minutes, so the session has ended. Connect again when it is online.",
    exitCode: 6,
  },
  ABORTED: {
    sentence: "It was interrupted before it was done.",
    exitCode: 130,
  },
  KEY_FILE: {
    sentence: "The key file cannot be used. It must hold one key of this program and be readable by its owner only.",
    exitCode: 2,
  },
  FOLDER: {
    sentence: "The folder for keys and invites cannot be used. Name another one with FRACTAL_PUNCH_FOLDER.",
    exitCode: 2,
  },
} as const;

export type PunchErrorCode = keyof typeof punchErrors;

/** What this package throws, rejects with and emits: `message` says what is wrong, where, and what to do. */
export class PunchError extends Error {
  override readonly name = "PunchError";
  readonly code: PunchErrorCode;

  /** Without `message` it is the code's sentence from the table. `cause` is what lies beneath, where there is something. */
  constructor(code: PunchErrorCode, message: string = punchErrors[code].sentence, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
