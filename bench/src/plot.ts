/** Bars of several programs side by side, as SVG. */
export interface Bars {
  readonly title: string;
  readonly unit: string;
  readonly rows: readonly { readonly name: string; readonly values: ReadonlyMap<string, number> }[];
}

const width = 800;
const left = 290;
const barHeight = 13;
const rowGap = 14;
const top = 78;
const numberRoom = 60;
const colors = ["#1f5fa8", "#b4552d", "#9aa5b1", "#5b9bd5"];
const dark = "#1f2933";

export function plotText({ title, unit, rows }: Bars): string {
  const series = [...new Set(rows.flatMap(({ values }) => [...values.keys()]))];
  const most = Math.max(...rows.flatMap(({ values }) => [...values.values()]));
  const scale = (width - left - numberRoom) / most;
  const parts: string[] = [];
  let y = top;
  for (const { name, values } of rows) {
    const middle = y + (values.size * barHeight) / 2 + 4;
    parts.push(`<text x="${left - 10}" y="${middle}" text-anchor="end" fill="${dark}">${escaped(name)}</text>`);
    for (const [of, value] of values) {
      const length = Math.max(value * scale, 1).toFixed(1);
      const color = colors[series.indexOf(of) % colors.length] ?? dark;
      parts.push(`<rect x="${left}" y="${y}" width="${length}" height="${barHeight - 2}" fill="${color}"/>`);
      const at = (left + value * scale + 5).toFixed(1);
      parts.push(`<text x="${at}" y="${y + 10}" font-size="11" fill="${dark}">${value.toFixed(2)}</text>`);
      y += barHeight;
    }
    y += rowGap;
  }
  const head = [
    `<text x="20" y="28" font-size="16" font-weight="bold" fill="${dark}">${escaped(title)} (${unit})</text>`,
    ...series.map((of, index) => legend(of, index)),
  ];
  const size = `viewBox="0 0 ${width} ${y}" width="${width}" height="${y}"`;
  const font = 'font-family="Helvetica, Arial, sans-serif" font-size="13"';
  const body = [`<rect width="${width}" height="${y}" rx="8" fill="#ffffff"/>`, ...head, ...parts];
  const name = `<title id="title">${escaped(title)}</title>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${font} role="img" aria-labelledby="title">\n  ${[name, ...body].join("\n  ")}\n</svg>\n`;
}

function legend(of: string, index: number): string {
  const x = 20 + 190 * index;
  const color = colors[index % colors.length] ?? dark;
  return `<rect x="${x}" y="44" width="12" height="12" fill="${color}"/><text x="${x + 18}" y="55" fill="${dark}">${escaped(of)}</text>`;
}

function escaped(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
}
