export * from "./coturn.ts";
export * from "./judgements.ts";
export type { Ended } from "./program.ts";
export * from "./uclient-report.ts";
