import { lifetimeOf, type StunMessage } from "@fractal-punch/wire";
import type { Limits } from "../limits.ts";

/** RFC 8656 section 3.2; nobody gets less, but for who asks to end it. */
const defaultSeconds = 600;

/** For how long an allocation lives upon a request with that LIFETIME, or with none (RFC 8656 sections 7.2 and 8.2). */
export function lifetimeMs({ allocationLifeMs }: Limits, message: StunMessage): number {
  return Math.min(Math.max(lifetimeOf(message) ?? 0, defaultSeconds) * 1000, allocationLifeMs);
}
