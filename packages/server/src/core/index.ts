export type { Rate } from "./buckets.ts";
export { type Counters, type ReportWord, type ServedWord, Tally } from "./counters.ts";
export type { RegistrationEnd, ServerEvent } from "./events.ts";
export { defaultLimits, type Limits } from "./limits.ts";
export type { Drop } from "./outcome.ts";
export { revocationHash } from "./revocations.ts";
export { Server, type ServerCommand, type Sizes } from "./server.ts";
export type { Access, ListenPort, ServerOptions } from "./state.ts";
export { openName, openSecret } from "./tickets.ts";
