/** Which driver of UDP is chosen where the better one cannot work: forced, in processes of their own. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { withoutBatch } from "./batch-support.ts";

const run = promisify(execFile);

/** Prints the driver and why, or the error; and that a datagram comes through. */
const program = `
  import { Driver } from "@fractal-punch/udp";
  const local = { family: 4, ip: 0x7f000001, port: 0 };
  const machine = {
    receive: () => void driver.close(),
    command(now, command, out) {
      if (command.type === "clock") out.openPort(1, { family: 4, local, port: 0 });
      if (command.type === "port-opened") out.send(1, command.local, new Uint8Array(3));
    },
    wake() {},
    nextWake: () => Infinity,
  };
  let driver;
  try {
    driver = new Driver(machine, { onEvent() {}, ...JSON.parse(process.env.WANTED ?? "{}") });
    console.log(driver.datagramDriver.kind + ": " + driver.datagramDriver.reason);
  } catch (error) {
    console.log(error.constructor.name + ": " + error.message);
  }
`;

/** As CommonJS, before the program: the native part of koffi is not there. */
const withoutKoffi = `
  const Module = require("node:module");
  const load = Module._load;
  Module._load = (name, ...rest) => {
    if (name === "koffi") throw new Error("Cannot find the native Koffi module.\\nAnd more.");
    return load(name, ...rest);
  };
`;

async function printed(environment: Record<string, string>, before?: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "fractal-punch-"));
  const first = join(folder, "first.cjs");
  await writeFile(first, before ?? "");
  const args = ["--require", first, "--input-type=module", "--eval", program];
  const env = { ...process.env, FRACTAL_PUNCH_DRIVER: "", ...environment };
  const { stdout } = await run(process.execPath, args, { cwd: import.meta.dirname, env });
  await rm(folder, { recursive: true });
  return stdout.trim();
}

test("the batch driver is chosen by itself where it works", { skip: withoutBatch }, async () => {
  assert.match(await printed({}), /^batch: recvmmsg and sendmmsg work here/);
});

test("without koffi node:dgram serves, and says why", { skip: withoutBatch }, async () => {
  assert.equal(await printed({}, withoutKoffi), "dgram: koffi does not load: Cannot find the native Koffi module");
});

test("who forces what does not work is told so, and nothing else is taken instead", {
  skip: withoutBatch,
}, async () => {
  const WANTED = JSON.stringify({ driver: "batch" });
  const expected =
    "DriverError: The batch driver does not work here: koffi does not load: Cannot find the native Koffi module.";
  assert.equal(await printed({ WANTED }, withoutKoffi), expected);
  assert.equal(await printed({ FRACTAL_PUNCH_DRIVER: "batch" }, withoutKoffi), expected);
});

test("the environment chooses where the program does not", async () => {
  assert.equal(await printed({ FRACTAL_PUNCH_DRIVER: "dgram" }), "dgram: FRACTAL_PUNCH_DRIVER says so");
  assert.equal(
    await printed({ FRACTAL_PUNCH_DRIVER: "fast" }),
    'DriverError: FRACTAL_PUNCH_DRIVER is "fast", which is neither "dgram" nor "batch".',
  );
});
