import { test } from "node:test";
import { type Lab, missingRequirement, withLab } from "@fractal-punch/lab";

export const skip: string | false = (await missingRequirement()) ?? false;

/** A test in a lab of its own; skipped, and saying why, where there can be no lab. */
export function labTest(name: string, work: (lab: Lab) => Promise<void>): void {
  test(name, { skip, timeout: 60_000 }, () => withLab(work));
}
