/** Times, sizes and rates as people read and write them. */

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, y: 31_536_000 };

/** "90", "90s", "15m", "12h", "30d", "2w", "1y" in seconds; `undefined` for other text and for nothing. */
export function secondsFromText(text: string): number | undefined {
  const match = /^([0-9]{1,10})([smhdwy]?)$/.exec(text);
  const seconds = Number(match?.[1] ?? 0) * (secondsOf[match?.[2] || "s"] ?? 0);
  return seconds > 0 ? seconds : undefined;
}

const bytesOf: Readonly<Record<string, number>> = { "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** "800", "500k", "10M", "2G", "1T" in bytes; `undefined` for other text and for nothing. */
export function bytesFromText(text: string): number | undefined {
  const match = /^([0-9]{1,12})([kMGT]?)B?$/.exec(text);
  const bytes = Number(match?.[1] ?? 0) * (bytesOf[match?.[2] ?? ""] ?? 0);
  return bytes > 0 ? bytes : undefined;
}

/** "3 s", "4 min", "5 h", "6 days": the largest unit that fits. */
export function durationText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 2 * 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 2 * 86_400) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** A round trip: "0.3 ms", "12.4 ms", "152 ms". */
export function msText(ms: number): string {
  return `${ms < 100 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** "640 bytes", "12.1 kB", "3.4 MB". */
export function bytesText(bytes: number): string {
  return bytes < 1000 ? `${bytes} bytes` : scaled(bytes, ["kB", "MB", "GB", "TB"]);
}

/** "0 kbit/s", "12.1 Mbit/s". */
export function rateText(bytesPerSecond: number): string {
  return scaled(bytesPerSecond * 8, ["kbit/s", "Mbit/s", "Gbit/s"]);
}

function scaled(value: number, units: readonly string[]): string {
  let amount = value / 1000;
  let index = 0;
  while (amount >= 1000 && index < units.length - 1) {
    amount /= 1000;
    index += 1;
  }
  return `${amount < 10 && amount > 0 ? amount.toFixed(1) : Math.round(amount)} ${units[index] ?? ""}`;
}

/** "2027-11-22", in UTC. */
export function dateText(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}
