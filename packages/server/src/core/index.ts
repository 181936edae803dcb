export * as machine from "@fractal-punch/machine";
export * as wire from "@fractal-punch/wire";
