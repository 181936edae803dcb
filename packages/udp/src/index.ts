export type { Counters, DropWord } from "./counters.ts";
export { abilities, Driver, type DriverOptions } from "./driver.ts";
export type { TlsIdentity } from "./tls-acceptor.ts";
