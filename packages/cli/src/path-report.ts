/** Tells how a session goes over: relayed, direct, and each change. Used by the commands that connect. */
import type { Connection, PathInfo } from "@fractal-punch/peer";
import type { Output } from "./output.ts";
import { msText } from "./quantity.ts";

/** Says "connected" now, and from now on each change of the path. `startedAtMs`: when connecting began. */
export function reportPaths(connection: Connection, output: Output, startedAtMs: number): void {
  const first = connection.path;
  const ms = sinceMs(startedAtMs);
  output.event("connected", { path: first.kind, ms }, `Connected after ${msText(ms)}, ${pathText(first)}.`);
  if (first.kind === "direct") reportDirect(first, output, startedAtMs);
  let kind = first.kind;
  connection.on("path", (path) => {
    if (path.kind === kind) return;
    kind = path.kind;
    if (kind === "direct") reportDirect(path, output, startedAtMs);
    else reportRelayed(output, startedAtMs);
  });
}

function reportDirect({ local, remote }: PathInfo, output: Output, startedAtMs: number): void {
  const ms = sinceMs(startedAtMs);
  output.event("direct", { ms, local, remote }, `Direct after ${msText(ms)}: ${local} to ${remote}.`);
}

function reportRelayed(output: Output, startedAtMs: number): void {
  output.event("relayed", { ms: sinceMs(startedAtMs) }, "The direct path is lost: relayed again.");
}

/** "relayed through 192.0.2.1:48800" or "direct to 198.51.100.7:41641". */
export function pathText({ kind, remote }: PathInfo): string {
  return kind === "direct" ? `direct to ${remote}` : `relayed through ${remote}`;
}

/** ms since then, to a tenth. */
export function sinceMs(startedAtMs: number): number {
  return Math.round((performance.now() - startedAtMs) * 10) / 10;
}

/** For the status line, until there is a path. */
export function connectingText(startedAtMs: number): string {
  return `connecting … ${Math.floor((performance.now() - startedAtMs) / 1000)} s`;
}
