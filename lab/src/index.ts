export * from "./lab.ts";
export * from "./namespace.ts";
export * from "./nat-rules.ts";
export * from "./process.ts";
export * from "./requirements.ts";
export * from "./topology.ts";
export * from "./udp-probe.ts";
