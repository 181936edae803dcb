export type { ThreadsOptions } from "./batch/forwarding-threads.ts";
export type { Counters, DropWord } from "./counters.ts";
export { abilities, chooseDatagramDriver, DriverError, type DriverKind } from "./datagram-driver.ts";
export { Driver, type DriverOptions } from "./driver.ts";
export type { TlsIdentity } from "./tls-acceptor.ts";
export { UdpSocket, type UdpSocketOptions } from "./udp-socket.ts";
