/** What was measured, and whether it is good enough. */

/** A bar says what the figure may be at most, or has to be at least. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly atMost?: number;
  readonly atLeast?: number;
  /** How far its rounds are apart, as a share of it; known of ratios. */
  readonly noise?: number;
  /** Where it stands when several programs are compared. */
  readonly cell?: Cell;
  /** What its time goes to, as profiles of the server showed; told when it falls short. */
  readonly spentOn?: string;
}

export interface Cell {
  readonly row: string;
  readonly column: string;
  readonly field: string;
}

export type Judgement = "ok" | "short" | "";

export function judge({ value, atMost, atLeast }: Figure): Judgement {
  if (atMost === undefined && atLeast === undefined) return "";
  return value <= (atMost ?? Infinity) && value >= (atLeast ?? -Infinity) ? "ok" : "short";
}

/** Columns for people: figure, measured, bar, ok or short. */
export function tableText(figures: readonly Figure[]): string {
  const rows = [["figure", "measured", "bar", ""], ...figures.map(cells)];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => padded(cell, column, widths))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A line for each figure that falls short and of which a profile is known. */
export function shortTexts(figures: readonly Figure[]): string[] {
  return figures.flatMap((figure) =>
    judge(figure) === "short" && figure.spentOn !== undefined ? [`${figure.name}: ${figure.spentOn}`] : [],
  );
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** Between the first and the third quarter of the values, as a share of their median. */
export function spread(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
  return (at(0.75) - at(0.25)) / median(values);
}

function cells(figure: Figure): string[] {
  const { name, value, unit, atMost, atLeast } = figure;
  const limit = atMost ?? atLeast;
  const bar = limit === undefined ? "" : `${Math.round(limit * 100) / 100} ${unit}`;
  return [name, `${numberText(value)} ${unit}`, bar, judge(figure)];
}

export function numberText(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value < 10 ? 2 : 1);
}

/** Numbers stand at the right of their columns. */
function padded(cell: string, column: number, widths: readonly number[]): string {
  const width = widths[column] ?? 0;
  return column === 1 || column === 2 ? cell.padStart(width) : cell.padEnd(width);
}
