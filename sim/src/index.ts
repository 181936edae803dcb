export * as machine from "@fractal-punch/machine";
export * as peer from "@fractal-punch/peer/core";
export * as sodium from "@fractal-punch/peer/sodium";
export * as server from "@fractal-punch/server/core";
export * as primitives from "@fractal-punch/udp/primitives";
export * as wire from "@fractal-punch/wire";
