export type {} from "@fractal-punch/machine";
