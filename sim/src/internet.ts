/** The virtual internet without its machines: what a relay of real packets needs, and quick to load. */
export * from "./datagram.ts";
export * from "./interface.ts";
export * from "./link.ts";
export * from "./nat-behaviour.ts";
export * from "./network.ts";
export * from "./prng.ts";
export * from "./router.ts";
export * from "./topology.ts";
export * from "./traffic.ts";
