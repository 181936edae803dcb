/** Tells how a session goes over: relayed, direct, and each change. Used by the commands that connect. */
import type { Connection, PathInfo } from "@fractal-punch/peer";
import type { Output } from "./output.ts";
import { msText } from "./quantity.ts";

/** Says "connected" now, and from now on each change of the path. `startedAtMs`: when connecting began. */
export function reportPaths(connection: Connection, output: Output, startedAtMs: number): void {
  const first = connection.path;
  const ms = sinceMs(startedAtMs);
  output.event(
    "connected",
    { path: first.kind, transport: first.transport, ms },
    `Connected after ${msText(ms)}, ${pathText(first)}.`,
  );
  if (first.kind === "direct") reportDirect(first, output, startedAtMs);
  let { kind, transport } = first;
  connection.on("path", (path) => {
    if (path.kind === kind && path.transport === transport) return;
    if (path.kind === "direct") reportDirect(path, output, startedAtMs);
    else reportRelayed(path, kind === "direct", output, startedAtMs);
    ({ kind, transport } = path);
  });
}

function reportDirect({ local, remote }: PathInfo, output: Output, startedAtMs: number): void {
  const ms = sinceMs(startedAtMs);
  output.event("direct", { ms, local, remote }, `Direct after ${msText(ms)}: ${local} to ${remote}.`);
}

function reportRelayed(path: PathInfo, wasDirect: boolean, output: Output, startedAtMs: number): void {
  const { transport, local, remote } = path;
  const again = wasDirect ? "The direct path is lost: relayed again" : "Relayed";
  // What was relayed over UDP before may find UDP gone in a moment.
  const way = transport === "tls" ? " over TLS, since UDP does not get through here" : wasDirect ? "" : " over UDP";
  const text = `${again}${way}.`;
  output.event("relayed", { ms: sinceMs(startedAtMs), transport, local, remote }, text);
}

/** "relayed through 192.0.2.1:48800", "relayed through 192.0.2.1:443 over TLS" or "direct to 198.51.100.7:41641". */
export function pathText({ kind, transport, remote }: PathInfo): string {
  if (kind === "direct") return `direct to ${remote}`;
  return `relayed through ${remote}${transport === "tls" ? " over TLS" : ""}`;
}

/** ms since then, to a tenth. */
export function sinceMs(startedAtMs: number): number {
  return Math.round((performance.now() - startedAtMs) * 10) / 10;
}

/** For the status line, until there is a path. */
export function connectingText(startedAtMs: number): string {
  return `connecting … ${Math.floor((performance.now() - startedAtMs) / 1000)} s`;
}
