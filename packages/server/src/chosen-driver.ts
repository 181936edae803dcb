import { availableParallelism } from "node:os";
import { chooseDatagramDriver, DriverError, type DriverKind } from "@fractal-punch/udp";
import { ServerError } from "./server-error.ts";

/** Unless more are asked for. */
const mostThreads = 8;

/** How UDP is read and written, why so, and by how many threads. */
export interface ChosenDriver {
  readonly driver: DriverKind;
  readonly reason: string;
  readonly threads: number;
}

/** Throws an OPTION when what is wanted does not work here. */
export function chooseDriver(driver: DriverKind | undefined, threads: number | undefined): ChosenDriver {
  try {
    const { kind, reason } = chooseDatagramDriver(driver);
    const wanted = threads ?? Math.min(Math.max(availableParallelism() - 1, 1), mostThreads);
    return { driver: kind, reason, threads: kind === "batch" ? wanted : 1 };
  } catch (error) {
    if (error instanceof DriverError) throw new ServerError("OPTION", error.message, error);
    throw error;
  }
}
