import { spawnSync } from "node:child_process";
import { loadSystemCalls, type SystemCalls } from "./middle/system-calls.ts";
import { TunDevice } from "./middle/tun-device.ts";
import { namespaceName } from "./namespace.ts";

const tools = ["ip", "nft"];

/**
 * What keeps the lab from running here, as a sentence for people; `undefined` when nothing does. Missing tools are
 * installed first where apt-get can.
 */
export async function missingRequirement(): Promise<string | undefined> {
  if (process.platform !== "linux") return "the lab needs Linux (network namespaces): this is " + process.platform;
  if (process.getuid?.() !== 0) return "the lab needs root (it makes network namespaces): run it with sudo";
  if (!toolsPresent()) installTools();
  if (!toolsPresent()) return "the lab needs iproute2 and nftables, which apt-get could not install: install both";
  return refusedNamespace() ?? (await refusedDevice());
}

function toolsPresent(): boolean {
  return tools.every((tool) => spawnSync(tool, ["-V"]).error === undefined);
}

function installTools(): void {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args: string[]): number | null => spawnSync("apt-get", args, { env, stdio: "ignore" }).status;
  const install = ["install", "-y", "--no-install-recommends", "iproute2", "nftables"];
  if (apt(...install) !== 0 && apt("update") === 0) apt(...install);
}

/** Containers often are root without the right to make namespaces or rules. */
function refusedNamespace(): string | undefined {
  const name = namespaceName("try");
  const made = spawnSync("ip", ["netns", "add", name], { encoding: "utf8" });
  if (made.status !== 0) return `the lab cannot make a network namespace here: ${made.stderr.trim()}`;
  const rules = "add table ip nat\nadd chain ip nat out { type nat hook postrouting priority srcnat; }\n";
  const ruled = spawnSync("ip", ["netns", "exec", name, "nft", "-f", "-"], { encoding: "utf8", input: rules });
  spawnSync("ip", ["netns", "delete", name]);
  return ruled.status === 0 ? undefined : `the lab cannot make NAT rules here: ${ruled.stderr.trim()}`;
}

/** The device exists for a moment only, is down, and has no address. */
async function refusedDevice(): Promise<string | undefined> {
  let calls: SystemCalls;
  try {
    calls = await loadSystemCalls();
  } catch (error) {
    return `the lab needs the npm package koffi, which does not load here: ${messageOf(error)}; run npm install`;
  }
  try {
    new TunDevice(calls).close();
  } catch (error) {
    return `the lab needs TUN devices: ${messageOf(error)}; load the module tun, or give the container /dev/net/tun`;
  }
  return undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
