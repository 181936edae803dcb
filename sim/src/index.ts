export type {} from "@fractal-punch/machine";
export type {} from "@fractal-punch/peer/core";
export type {} from "@fractal-punch/peer/sodium";
export type {} from "@fractal-punch/server/core";
export type {} from "@fractal-punch/udp/primitives";
export type {} from "@fractal-punch/wire";
