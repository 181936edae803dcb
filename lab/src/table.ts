/** A table whose rows are printed as soon as they are known. */
export class Table {
  readonly #widths: readonly number[];
  readonly #print: (line: string) => void;

  /** A column is as wide as its title, or as the given number of characters. */
  constructor(columns: readonly (readonly [title: string, width?: number])[], print: (line: string) => void) {
    this.#widths = columns.map(([title, width = 0]) => Math.max(title.length, width));
    this.#print = print;
    this.row(columns.map(([title]) => title));
  }

  row(cells: readonly string[]): void {
    const padded = cells.map((cell, column) => cell.padEnd(this.#widths[column] ?? 0));
    this.#print(padded.join("  ").trimEnd());
  }
}
