/** The programs that the cases run: Debian's packages, installed where apt-get can. */
import { chromiumPath, runProgram } from "./program.ts";

const probeLimitMs = 10_000;
const aptLimitMs = 300_000;

interface Requirement {
  readonly debianPackage: string;
  /** A command that ends at once where the package is installed. */
  readonly probe: readonly [program: string, ...args: string[]];
  /** What the probe's exit code is then; any, when absent. */
  readonly code?: number;
}

const requirements: readonly Requirement[] = [
  { debianPackage: "coturn", probe: ["turnutils_uclient", "-?"] },
  { debianPackage: "python3-aioice", probe: ["python3", "-c", "import aioice"], code: 0 },
  { debianPackage: "chromium", probe: [chromiumPath, "--version"], code: 0 },
];

/** Installs what is missing where that is possible, after saying so; the names of Debian's packages that are missing all the same. */
export async function missingPackages(say: (line: string) => void): Promise<string[]> {
  const missing = await absentPackages();
  if (missing.length === 0 || process.getuid?.() !== 0) return missing;
  say(`installing ${missing.join(" and ")} with apt-get ...`);
  const install = ["install", "-y", "--no-install-recommends", ...missing];
  if (!(await apt(install)) && (await apt(["update"]))) await apt(install);
  return await absentPackages();
}

async function absentPackages(): Promise<string[]> {
  const absent: string[] = [];
  for (const { debianPackage, probe, code } of requirements) {
    const [program, ...args] = probe;
    const ended = await runProgram(program, args, probeLimitMs);
    if (ended.code === "ENOENT" || (code !== undefined && ended.code !== code)) absent.push(debianPackage);
  }
  return absent;
}

async function apt(args: readonly string[]): Promise<boolean> {
  return (await runProgram("apt-get", ["-q", ...args], aptLimitMs)).code === 0;
}
