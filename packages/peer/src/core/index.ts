export * from "./client.ts";
export * from "./events.ts";
export type { IssuedInvite } from "./greeting.ts";
export * from "./host.ts";
export * from "./noise.ts";
export type { HostInvite } from "./opening.ts";
export * from "./replay-window.ts";
export type { TlsOptions } from "./tls-stream.ts";
