export * from "./core/index.ts";
export { defaultPort, defaultSecondPort } from "./listen-ports.ts";
export { mintClientTicket, mintHostTicket, mintOpenTicket } from "./minting.ts";
export type { NameSource, PublicNames } from "./public-names.ts";
export { revokeTicket } from "./revocation-file.ts";
export { type RunningServer, type ServeEvent, type ServeOptions, serve } from "./serve.ts";
export { ServerError, type ServerErrorCode } from "./server-error.ts";
export { readServerFile, type ServerFile } from "./server-file.ts";
export { defaultStateFolder, openStateFolder, readSecret, type StateFolder } from "./state-folder.ts";
