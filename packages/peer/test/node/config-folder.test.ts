import assert from "node:assert/strict";
import { statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { configFolder, configFolderPath, makeFolder } from "../../dist/node/config-folder.js";
import { temporaryFolder } from "./temporary-folder.js";

const home = (): string => "/home/ada";

test("the folder is the one named in the environment, else the platform's own place", () => {
  assert.equal(configFolderPath("linux", { FRACTAL_PUNCH_FOLDER: "/keys", XDG_CONFIG_HOME: "/xdg" }, home), "/keys");
  assert.equal(configFolderPath("linux", { FRACTAL_PUNCH_FOLDER: "keys" }, home), path.resolve("keys"));
  assert.equal(configFolderPath("linux", { XDG_CONFIG_HOME: "/xdg" }, home), "/xdg/fractal-punch");
  assert.equal(configFolderPath("linux", {}, home), "/home/ada/.config/fractal-punch");
  assert.equal(configFolderPath("darwin", {}, home), "/home/ada/Library/Application Support/fractal-punch");
  assert.equal(configFolderPath("win32", { APPDATA: "C:\\Data" }, home), "C:\\Data\\fractal-punch");
  assert.equal(
    configFolderPath("win32", {}, () => "C:\\Ada"),
    "C:\\Ada\\AppData\\Roaming\\fractal-punch",
  );
});

test("an empty variable counts as none, and so does a relative XDG_CONFIG_HOME", () => {
  const environment = { FRACTAL_PUNCH_FOLDER: "", XDG_CONFIG_HOME: "config" };
  assert.equal(configFolderPath("linux", environment, home), "/home/ada/.config/fractal-punch");
});

test("a user without a home is told to name a folder", () => {
  const none = (): string => "";
  const fails = (): string => {
    throw new Error("no such user");
  };
  for (const missing of [none, fails]) {
    assert.throws(() => configFolderPath("linux", {}, missing), { code: "FOLDER", message: /FRACTAL_PUNCH_FOLDER/ });
  }
});

test("the folder is made for its owner only, with the folders above it", async (t) => {
  const parent = await temporaryFolder(t);
  process.env["FRACTAL_PUNCH_FOLDER"] = path.join(parent, "a", "b");
  t.after(() => delete process.env["FRACTAL_PUNCH_FOLDER"]);
  const folder = configFolder();
  assert.equal(folder, path.join(parent, "a", "b"));
  if (process.platform !== "win32") assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.equal(configFolder(), folder);
});

test("a folder that cannot be made is named, with the reason and a way out", async (t) => {
  const file = path.join(await temporaryFolder(t), "file");
  writeFileSync(file, "");
  assert.throws(() => makeFolder(path.join(file, "folder")), {
    code: "FOLDER",
    message: `The folder ${path.join(file, "folder")} cannot be made: a part of its path is a file, not a folder. Name another one with FRACTAL_PUNCH_FOLDER.`,
  });
  assert.throws(() => makeFolder(file), { code: "FOLDER", message: /there is a file of that name/ });
});
