/** Figures that were kept, and how new ones differ from them. Only ratios are compared: other machines differ in the rest. */
import { arch, cpus, release } from "node:os";
import { isRealTime } from "./cores.ts";
import type { Figure } from "./figures.ts";

export interface KeptFigure extends Figure {
  /** The part of the bench that measures it. */
  readonly part: string;
}

export interface Baseline {
  /** What the figures were measured on. */
  readonly machine: string;
  readonly figures: readonly KeptFigure[];
}

export interface Change {
  readonly name: string;
  readonly before: number;
  readonly now: number;
}

/** Less is never said to be a change. */
const leastShare = 0.1;
const noises = 2;

/** The old figures of the parts that were not measured now, in their old places, and all the new ones. */
export function merged(old: Baseline | undefined, parts: readonly string[], figures: readonly KeptFigure[]): Baseline {
  const others = (old?.figures ?? []).filter(({ part }) => !figures.some((figure) => figure.part === part));
  const all = [...others, ...figures];
  return { machine: machineText(), figures: parts.flatMap((name) => all.filter(({ part }) => part === name)) };
}

/** Ratios that are other than they were, by more than their rounds were apart. */
export function changes(before: readonly Figure[], now: readonly Figure[]): Change[] {
  const old = new Map(before.map((figure) => [figure.name, figure]));
  return now.flatMap((figure) => {
    const was = old.get(figure.name);
    if (was === undefined || figure.unit !== "x") return [];
    const noise = Math.max(leastShare, noises * ((was.noise ?? 0) + (figure.noise ?? 0)));
    const isOther = Math.abs(figure.value - was.value) > noise * was.value;
    return isOther ? [{ name: figure.name, before: was.value, now: figure.value }] : [];
  });
}

/** Of a ratio of costs, more is worse. */
export function changeText({ name, before, now }: Change): string {
  const percent = Math.round(100 * (now / before - 1));
  const sign = percent > 0 ? "+" : "";
  return `${percent > 0 ? "worse" : "better"}: ${name}: ${before.toFixed(2)} x before, ${now.toFixed(2)} x now (${sign}${percent} %)`;
}

function machineText(): string {
  const all = cpus();
  const others = isRealTime ? ", while others were at work on it" : "";
  const system = `Linux ${release()}, Node ${process.versions.node}`;
  return `${all.length} x ${all[0]?.model.trim() ?? "unknown"} (${arch()}), ${system}${others}`;
}
