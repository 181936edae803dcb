import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readTurnUsers, ServerError } from "@fractal-punch/server";

test("users are lines of name:password, where a password may have colons and spaces", async (context) => {
  const text = "# for the old phones\nalice:wonderland\r\n\nböb: with: colons \n__proto__:x\n";
  const { users } = await readTurnUsers(await file(context, text));
  assert.deepEqual(Object.entries(users), [
    ["alice", "wonderland"],
    ["böb", " with: colons "],
    ["__proto__", "x"],
  ]);
});

test("a file that others may read is told of", { skip: process.platform === "win32" }, async (context) => {
  const path = await file(context, "alice:wonderland");
  for (const [mode, isReadable] of [
    [0o600, false],
    [0o640, true],
    [0o604, true],
  ] as const) {
    await chmod(path, mode);
    assert.equal((await readTurnUsers(path)).isReadableByOthers, isReadable);
  }
});

for (const [fault, text, message] of [
  ["has no colon", "alice:a\nbob\n", /users, line 2: there is no colon. Write a user as name:password\.$/],
  ["has no name", ":secret", /users, line 1: the name is missing/],
  ["has no password", "# users\nalice:", /users, line 2: the password is missing/],
  ["names somebody twice", "alice:a\nbob:b\nalice:c", /users, line 3: "alice" is there already/],
  ["has too long a name", `${"ä".repeat(255)}:x`, /users, line 1: the name has more than 508 bytes/],
  ["is no text", Uint8Array.of(0x61, 0x3a, 0xff), /users is not text in UTF-8/],
] as const) {
  test(`a file that ${fault} is refused, with its line`, async (context) => {
    await assert.rejects(readTurnUsers(await file(context, text)), isOption(message));
  });
}

test("a file that is not there is named", async () => {
  await assert.rejects(readTurnUsers("/nowhere/users"), isOption(/\/nowhere\/users cannot be read \(ENOENT\)/));
});

function isOption(message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof ServerError && error.code === "OPTION" && message.test(error.message);
}

async function file(context: TestContext, content: string | Uint8Array): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "fractal-punch-users-"));
  context.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "users");
  await writeFile(path, content, { mode: 0o600 });
  return path;
}
