export type {} from "@fractal-punch/machine";
export type {} from "@fractal-punch/wire";
