import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { constants, setPriority, tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Names carry the maker's process id and its start, in ticks since the machine's: so a later run knows what a crashed
 * one left behind, even when another process has the id by now.
 */
const madeByLab = /^fplab-([0-9]+)-([0-9]+)-/;
const namespacesFolder = "/run/netns";

let made = 0;

/** A network namespace and a folder, both empty at first: one machine of the lab. */
export interface Namespace {
  readonly name: string;
  readonly folder: string;
}

/** What a namespace of this process is called. */
export function namespaceName(label: string): string {
  return `fplab-${process.pid}-${startOf(process.pid)}-${made++}-${label}`;
}

export function openNamespace(label: string): Namespace {
  const name = namespaceName(label);
  run("ip", ["netns", "add", name]);
  const namespace = { name, folder: mkdtempSync(join(tmpdir(), `${name}-`)) };
  // Duplicate address detection would hold each new IPv6 address back for a second.
  writeSettings(namespace, { "ipv6/conf/all/accept_dad": 0, "ipv6/conf/default/accept_dad": 0 });
  configureLinks(namespace, ["link set lo up"]);
  return namespace;
}

export function closeNamespace(namespace: Namespace): void {
  removeNamespace(namespace.name);
  rmSync(namespace.folder, { recursive: true, force: true });
}

/** Runs a program to its end and returns what it printed; throws with its error output when it fails. */
export function runIn(namespace: Namespace, program: string, args: readonly string[], input = ""): string {
  return run("ip", ["netns", "exec", namespace.name, program, ...args], input, environment(namespace));
}

/**
 * Starts a program with an environment of its own, before all ordinary processes: what else the machine has to do is no
 * part of what the lab measures. `ip` becomes the program, so the child's pid is the program's.
 */
export function spawnIn(namespace: Namespace, program: string, args: readonly string[]): ChildProcess {
  const options = { cwd: namespace.folder, env: environment(namespace) };
  const child = spawn("ip", ["netns", "exec", namespace.name, program, ...args], options);
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_HIGHEST);
  return child;
}

/** Nothing of the user who runs the lab but where programs are, and which driver of UDP they are to use. */
function environment({ folder }: Namespace): NodeJS.ProcessEnv {
  const { PATH, FRACTAL_PUNCH_DRIVER } = process.env;
  return { PATH, HOME: folder, ...(FRACTAL_PUNCH_DRIVER !== undefined && { FRACTAL_PUNCH_DRIVER }) };
}

/** Lines of `ip -batch` inside the namespace: `link`, `addr` and `route` commands. */
export function configureLinks(namespace: Namespace, lines: readonly string[]): void {
  run("ip", ["-n", namespace.name, "-batch", "-"], `${lines.join("\n")}\n`);
}

/** Kernel settings of this namespace alone, named by their path below /proc/sys/net. */
export function writeSettings(namespace: Namespace, settings: Readonly<Record<string, number>>): void {
  const lines = Object.entries(settings).map(([path, value]) => `echo ${value} > /proc/sys/net/${path}`);
  runIn(namespace, "sh", ["-ec", lines.join("\n")]);
}

/** Removes what a crashed run left behind, and nothing else; returns the names. Its processes are ended by their ids. */
export function removeLeftovers(): string[] {
  const left = namesIn(namespacesFolder).filter(isLeftover);
  for (const name of left) {
    // Another lab may remove it at the same time: then there is nothing to list.
    const { stdout } = spawnSync("ip", ["netns", "pids", name], { encoding: "utf8" });
    for (const pid of stdout.split("\n").filter(Boolean)) endProcess(Number(pid));
    removeNamespace(name);
  }
  for (const name of namesIn(tmpdir()).filter(isLeftover))
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  return left;
}

function isLeftover(name: string): boolean {
  const [, pid, start] = madeByLab.exec(name) ?? [];
  return pid !== undefined && startOf(Number(pid)) !== start;
}

/** Field 22 of proc_pid_stat(5); `undefined` when there is no such process. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in parentheses, with any characters.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[22 - 3];
  } catch {
    return undefined;
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself between the listing and now.
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function removeNamespace(name: string): void {
  spawnSync("ip", ["netns", "delete", name]);
}

function run(program: string, args: readonly string[], input = "", env = process.env): string {
  const result = spawnSync(program, args, { input, env, encoding: "utf8" });
  if (result.status === 0) return result.stdout;
  const reason = result.error?.message ?? `${result.stderr}${result.stdout}`.trim();
  throw new Error(`${program} ${args.join(" ")} failed: ${reason}${input === "" ? "" : `\nits input was:\n${input}`}`);
}
