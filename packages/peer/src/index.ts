export type {} from "@fractal-punch/udp";
export type {} from "./core/index.ts";
