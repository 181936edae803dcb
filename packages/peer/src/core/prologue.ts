import { asciiBytes } from "@fractal-punch/wire";

/** Mixed into every handshake, so that peers of another protocol or version cannot be talked into ours. */
export const prologue: Uint8Array = asciiBytes("fractal-punch 1");
