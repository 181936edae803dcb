import { loadSystemCalls } from "@fractal-punch/udp/batch";

const calls = loadSystemCalls();

/** For `skip`: why there is no batch driver here, or false. */
export const withoutBatch: string | false = typeof calls === "string" ? calls : false;
