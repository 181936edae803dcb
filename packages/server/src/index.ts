export * as udp from "@fractal-punch/udp";
export * as core from "./core/index.ts";
