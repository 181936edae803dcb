export { type ConnectOptions, connect } from "./connect.ts";
export {
  Connection,
  type Counts,
  type MessageInfo,
  type PathInfo,
  type PathKind,
  type TriedAddress,
  type Verdict,
} from "./connection.ts";
export { PunchError, type PunchErrorCode, punchErrors } from "./errors.ts";
export { Listener, type ListenOptions, listen } from "./listener.ts";
export { configFolder, makeFolder } from "./node/config-folder.ts";
export { readOrMakeKey } from "./node/identity.ts";
export { InviteBook, type InviteReach, inviteTextFor, isLive, type NewInvite } from "./node/invite-book.ts";
export { type InviteEntry, inviteIdText } from "./node/invite-file.ts";
export { resolveServer, type ServerAddresses, type ServerName, serverFromText } from "./node/resolver.ts";
