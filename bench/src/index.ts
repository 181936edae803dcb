/** What of the bench can be tested without loading anything. */
export { type Change, changes, changeText, type KeptFigure, merged } from "./baseline.ts";
export { type Figure, median, shortTexts, spread } from "./figures.ts";
export { Latencies } from "./load/latencies.ts";
export { Pacer } from "./load/pacer.ts";
