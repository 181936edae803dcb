/** The part of V8's heap in which objects are born. */
import { setFlagsFromString } from "node:v8";

/**
 * Keeps it as small as it is, here 2 to 8 MB. V8 would let it grow to 32 MB under the first load, and hold on to them; what a
 * datagram leaves behind is gone long before, so that a larger one gains nothing measurable.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}
