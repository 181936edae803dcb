export type { Counters, DropWord } from "./counters.ts";
export { abilities, DriverError, type DriverKind } from "./datagram-driver.ts";
export { Driver, type DriverOptions } from "./driver.ts";
export type { TlsIdentity } from "./tls-acceptor.ts";
