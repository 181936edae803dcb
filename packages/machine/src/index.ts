export * from "./address.ts";
export * from "./assert.ts";
export * from "./crypto.ts";
export * from "./deadlines.ts";
export * from "./machine.ts";
export * from "./own-bytes.ts";
export * from "./random.ts";
export * from "./recorder.ts";
