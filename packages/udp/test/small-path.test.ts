/** Paths that take less than their device does, made in a network namespace of the test's own. */
import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { withoutBatch } from "./batch-support.ts";
import type { SmallPathReport } from "./small-path-program.ts";

const program: string = fileURLToPath(new URL("small-path-program.js", import.meta.url));
/** The kernel's own route to an address of this machine's is that of its device, so another takes its place. */
const network = [
  "ip link set lo up",
  "ip route add local 127.0.0.10 dev lo mtu 1280 table local",
  "ip addr add fd09::10/128 dev lo nodad",
  "ip -6 route del local fd09::10 dev lo table local",
  "ip -6 route add local fd09::10 dev lo mtu 1280 table local",
].join(" && ");

test("segments too large for one path are split for it alone, keep their TTL, and stay on for the others", {
  skip: withoutBatch || withoutNamespaces(),
}, () => {
  const { status, stdout, stderr } = inNamespace(`${network} && exec "$0" "$1"`, process.execPath, program);
  assert.equal(status, 0, stderr);
  const reports: SmallPathReport[] = JSON.parse(stdout);
  const expected: SmallPathReport = {
    largeBySmall: [9, 9, 9],
    smallBySmall: [9, 9, 9],
    largeByWide: [9, 9, 9],
    together: 2,
    alone: 3,
    segments: true,
    failures: [],
  };
  assert.deepEqual(reports, [expected, expected]);
});

function withoutNamespaces(): string | false {
  const { error, status, stderr } = inNamespace(network);
  if (error !== undefined) return `there is no unshare: ${error.message}`;
  return status === 0 ? false : `no network namespace with routes can be made: ${stderr.trim()}`;
}

function inNamespace(script: string, ...args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync("unshare", ["-rn", "sh", "-c", script, ...args], { encoding: "utf8" });
}
