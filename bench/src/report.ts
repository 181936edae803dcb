/** docs/performance.md and its plot, from kept figures. */
import type { Baseline, KeptFigure } from "./baseline.ts";
import { type Cell, judge, numberText, shortTexts } from "./figures.ts";
import { plotText } from "./plot.ts";

type CellFigure = KeptFigure & { readonly cell: Cell };

const titles: Readonly<Record<string, string>> = {
  start: "Starting",
  server: "Memory, and what each kind of datagram costs one by one",
  turn: "TURN allocations",
  relay: "Ratios, and what relaying adds to latency",
  garbage: "Nothing is allocated for a datagram",
  control: "What hosts and clients ask",
  direct: "One direct session",
  cost: "The parts of a session's datagram",
  sim: "The simulator",
  machine: "The server's machine, without sockets",
};

const fieldTitles: Readonly<Record<string, string>> = {
  "CPU time": "CPU time for each datagram",
  "CPU time when few come": "CPU time for each datagram when few come",
  rate: "Rate",
  lost: "Lost",
};

export function reportText({ machine, figures }: Baseline): string {
  const cells = figures.filter(isCell);
  const parts = [...new Set(figures.map(({ part }) => part))];
  const lists = parts.map((part) => listText(part, figures));
  return `# Performance

Written by \`npm run bench -- --save\`, which also keeps the figures in \`bench/baseline.json\`; a run without it says which
ratios are other than they were. Measured on ${machine}.

![CPU time of the server for each datagram, ours beside coturn's](performance.svg)

## How it is measured

The load generator (\`bench/src/load\`) is a process of its own on one core, a synchronous loop on the batch driver; the server
has the other core. Each server takes its turn in rounds of half a second, so that what else the machine does counts
for all; the figures are medians over the rounds, of which the first does not count (of questions the first thousands do not, until V8 has compiled all), and a ratio is the median of the rounds' ratios. *CPU time* is that of
the server's own process with all its threads (\`schedstat\`), divided by the datagrams that came out at the other end.
*Isolated* datagrams leave the generator one by one, *bursts* as one with UDP_SEGMENT; 128 are under way. *coturn* is
Debian's package of 4.6.1, on the same route: over a TURN channel from a client to a peer. *Bare* are programs of the same
driver that do nothing else (\`bench/src/bare\`): what this machine can do.

${Object.keys(fieldTitles)
  .map((field) => matrixText(field, cells))
  .join("\n\n")}

${lists.join("\n\n")}
`;
}

export function reportPlot({ figures }: Baseline): string {
  const cells = figures.filter(isCell).filter(({ cell }) => cell.field === "CPU time");
  const rows = [...new Set(cells.map(({ cell }) => cell.row))].map((name) => {
    const ofRow = cells.filter(({ cell }) => cell.row === name);
    return { name, values: new Map(ofRow.map(({ cell, value }) => [columnOf(cell), value])) };
  });
  return plotText({ title: "CPU time of the server for each datagram", unit: "us", rows });
}

function matrixText(field: string, all: readonly CellFigure[]): string {
  const cells = all.filter(({ cell }) => cell.field === field);
  const unit = cells[0]?.unit ?? "";
  const columns = [...new Set(cells.map(({ cell }) => columnOf(cell)))];
  const at = (row: string, column: string): string => {
    const found = cells.find(({ cell }) => cell.row === row && columnOf(cell) === column);
    return found === undefined ? "" : numberText(found.value);
  };
  const rows = [...new Set(cells.map(({ cell }) => cell.row))].map((row) => [
    row,
    ...columns.map((column) => at(row, column)),
  ]);
  return `## ${fieldTitles[field] ?? field}, ${unit}\n\n${markdownTable([["", ...columns], ...rows])}`;
}

function listText(part: string, figures: readonly KeptFigure[]): string {
  const rows = figures
    .filter((figure) => figure.part === part && figure.cell === undefined)
    .map((figure) => {
      const limit = figure.atMost ?? figure.atLeast;
      const bar = limit === undefined ? "" : `${figure.atMost === undefined ? "at least" : "at most"} ${limit}`;
      return [figure.name, `${numberText(figure.value)} ${figure.unit}`, bar, judge(figure)];
    });
  const profiles = shortTexts(figures.filter((figure) => figure.part === part)).map((text) => `\n- ${text}`);
  const shown = profiles.length === 0 ? "" : `\n\nWhat profiles show of those that fall short:\n${profiles.join("")}`;
  return `## ${titles[part] ?? part}\n\n${markdownTable([["figure", "measured", "bar", ""], ...rows])}${shown}`;
}

function markdownTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  return [rowText(head), `|${"---|".repeat(head.length)}`, ...rows.map(rowText)].join("\n");
}

function rowText(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** The bare programs are one kind, whatever they do, and so is our server without sessions. */
function columnOf({ column }: Cell): string {
  if (column.startsWith("bare")) return "bare";
  return column === "ours" || column === "ours, TURN" ? "ours, STUN and TURN" : column;
}

function isCell(figure: KeptFigure): figure is CellFigure {
  return figure.cell !== undefined;
}
