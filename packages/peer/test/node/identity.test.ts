import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import { readOrMakeKey } from "../../dist/node/identity.js";
import { temporaryFolder } from "./temporary-folder.js";

const posixOnly = { skip: process.platform === "win32" && "Windows keeps no such permissions" };
const nobody = 65_534;

test("a new key is one line of base64url for its owner only, and is read again", async (t) => {
  const folder = path.join(await temporaryFolder(t), "new", "folder");
  const file = path.join(folder, "host.key");
  const made = await readOrMakeKey(file);
  const text = await readFile(file, "utf8");
  assert.match(text, /^[A-Za-z0-9_-]{43}\n$/);
  assert.deepEqual(new Uint8Array(Buffer.from(text, "base64url")), made.secretKey);
  assert.deepEqual(made.publicKey, nodePrimitives.publicKey(made.secretKey));
  if (process.platform !== "win32") assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.deepEqual(await readOrMakeKey(file), made);
  assert.deepEqual(await readdir(folder), ["host.key"]);
});

test("processes that make the key at the same time end with one key", async (t) => {
  const folder = await temporaryFolder(t);
  const script = `
    import { readOrMakeKey } from ${JSON.stringify(new URL("../../dist/node/identity.js", import.meta.url).href)};
    const keys = await Promise.all([1, 2, 3].map(() => readOrMakeKey(process.argv[1])));
    for (const { publicKey } of keys) console.log(Buffer.from(publicKey).toString("hex"));`;
  const run = () =>
    promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script, path.join(folder, "key")]);
  const outputs = await Promise.all([run(), run(), run()]);
  const keys = outputs.flatMap(({ stdout }) => stdout.trim().split("\n"));
  assert.equal(keys.length, 9);
  assert.equal(new Set(keys).size, 1);
  assert.deepEqual(await readdir(folder), ["key"]);
});

test("a key file that others may use is refused, with the command that closes it", posixOnly, async (t) => {
  const file = await keyFile(t, `${"A".repeat(43)}\n`);
  for (const mode of [0o640, 0o604, 0o620, 0o602]) {
    await chmod(file, mode);
    await assert.rejects(readOrMakeKey(file), {
      code: "KEY_FILE",
      message: `The file ${file} holds a secret, but others than its owner may use it (mode ${mode.toString(8)}). Run: chmod 600 '${file}'`,
    });
  }
  await chmod(file, 0o400);
  assert.deepEqual((await readOrMakeKey(file)).secretKey, new Uint8Array(32));
});

test("a file that holds no key of the right form is refused and left as it is", async (t) => {
  for (const text of [
    "",
    "\n",
    "A".repeat(42),
    "A".repeat(44),
    `${"A".repeat(42)}B`,
    `${"A".repeat(42)}=`,
    "A".repeat(9999),
  ]) {
    const file = await keyFile(t, text);
    await assert.rejects(readOrMakeKey(file), {
      code: "KEY_FILE",
      message: new RegExp(`^The file ${file} holds no key: .*`),
    });
    assert.equal(await readFile(file, "utf8"), text);
  }
});

test("a folder in the key file's place is refused", posixOnly, async (t) => {
  const file = path.join(await temporaryFolder(t), "host.key");
  await mkdir(file);
  await assert.rejects(readOrMakeKey(file), {
    code: "KEY_FILE",
    message: `${file} is not a file. Move it away, and start again.`,
  });
});

test("a key file that cannot be read is named, with the reason", posixOnly, async (t) => {
  const file = await keyFile(t, "A".repeat(43));
  await chmod(file, 0o000);
  await asOrdinaryUser(async () => {
    await assert.rejects(readOrMakeKey(file), {
      code: "KEY_FILE",
      message: `The file ${file} cannot be read: permission denied. Run this as the user who owns it.`,
    });
  });
});

test("a folder that cannot be written is named, with the reason and a way out", posixOnly, async (t) => {
  const folder = await temporaryFolder(t);
  await chmod(folder, 0o555);
  await asOrdinaryUser(async () => {
    await assert.rejects(readOrMakeKey(path.join(folder, "host.key")), {
      code: "FOLDER",
      message: `The folder ${folder} cannot be written: permission denied. Name another one with FRACTAL_PUNCH_FOLDER.`,
    });
  });
  const below = path.join(await keyFile(t, ""), "below", "host.key");
  await assert.rejects(readOrMakeKey(below), { code: "FOLDER", message: /a part of its path is a file/ });
});

async function keyFile(t: Parameters<typeof temporaryFolder>[0], text: string): Promise<string> {
  const file = path.join(await temporaryFolder(t), "host.key");
  await writeFile(file, text, { mode: 0o600 });
  return file;
}

/** Permissions do not bind root, so where the test runs as root it steps down for a moment. */
async function asOrdinaryUser(work: () => Promise<void>): Promise<void> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(nobody);
  try {
    await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}
