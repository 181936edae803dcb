/** Options that are numbers, with the range that they may have. */
import type { PortRange } from "@fractal-punch/server";
import { InvalidArgumentError } from "commander";
import { bytesFromText, secondsFromText } from "./quantity.ts";

export function wholeOption(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,12}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
  };
}

export function secondsOption(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]*\.?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It is a number of seconds from ${least} to ${most}.`);
  };
}

/** A time to live, in seconds. */
export function lifeOption(text: string): number {
  const seconds = secondsFromText(text);
  if (seconds !== undefined) return seconds;
  throw new InvalidArgumentError("It is a time such as 12h, 30d or 1y.");
}

/** An amount of bytes. */
export function bytesOption(text: string): number {
  const bytes = bytesFromText(text);
  if (bytes !== undefined) return bytes;
  throw new InvalidArgumentError("It is a number of bytes such as 500k, 10M or 2G.");
}

/** Ports, as "49152-65535". */
export function rangeOption(text: string): PortRange {
  const match = /^([0-9]{1,5})-([0-9]{1,5})$/.exec(text);
  const range = { first: Number(match?.[1]), last: Number(match?.[2]) };
  if (range.first >= 1024 && range.first < range.last && range.last <= 65_535) return range;
  throw new InvalidArgumentError("It is a range of ports in 1024-65535, such as 50000-59999.");
}
