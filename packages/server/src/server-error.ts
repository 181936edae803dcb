/** Everything that can keep a server from starting. Each message says what is wrong, where, and what to do. */
export type ServerErrorCode =
  /** The state folder cannot be made, read or written. */
  | "STATE_FOLDER"
  /** The secret's file holds something else. */
  | "SECRET"
  /** The certificate's file in the state folder holds something else. */
  | "CERTIFICATE"
  /** An address, a port, a name, a certificate or a key that was given is none. */
  | "OPTION"
  /** Another program has the port. */
  | "PORT_IN_USE"
  /** This user may not open the port. */
  | "PORT_DENIED"
  /** The port cannot be opened for another reason. */
  | "PORT";

export class ServerError extends Error {
  override readonly name = "ServerError";
  readonly code: ServerErrorCode;

  constructor(code: ServerErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** The system's word for what went wrong (ENOENT, EACCES ...). */
export function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
