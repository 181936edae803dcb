/** The folder in which a user's keys and invites are kept. */
import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { PunchError } from "../errors.ts";
import { systemErrorWords } from "./system-error.ts";

/**
 * The user's folder, made (mode 0700) where it is missing: `$FRACTAL_PUNCH_FOLDER`, else the place that the platform has
 * for it. Throws FOLDER when there is no such place, or it cannot be made.
 */
export function configFolder(): string {
  const folder = configFolderPath(process.platform, process.env, homedir);
  makeFolder(folder);
  return folder;
}

/** Makes a folder, and the folders above it, with mode 0700; does nothing to one that is there. Throws FOLDER. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const reason = systemErrorWords(cause);
    const message = `The folder ${folder} cannot be made: ${reason}. Name another one with FRACTAL_PUNCH_FOLDER.`;
    throw new PunchError("FOLDER", message, cause);
  }
}

/** `home` is asked only where it is needed: it throws for a user without a home. Relative XDG paths do not count, as XDG says. */
export function configFolderPath(
  platform: NodeJS.Platform,
  environment: NodeJS.ProcessEnv,
  home: () => string,
): string {
  const { FRACTAL_PUNCH_FOLDER: own, XDG_CONFIG_HOME: xdg, APPDATA: appData } = environment;
  if (own) return path.resolve(own);
  if (platform === "win32") {
    return path.win32.join(appData || path.win32.join(homeFolder(home), "AppData", "Roaming"), "fractal-punch");
  }
  if (xdg && path.posix.isAbsolute(xdg)) return path.posix.join(xdg, "fractal-punch");
  const place = platform === "darwin" ? "Library/Application Support" : ".config";
  return path.posix.join(homeFolder(home), place, "fractal-punch");
}

function homeFolder(home: () => string): string {
  try {
    const folder = home();
    if (folder !== "") return folder;
  } catch {
    // No home in the environment, and none in the user database: the same as an empty one.
  }
  throw new PunchError("FOLDER", "This user has no home folder. Name a folder for keys with FRACTAL_PUNCH_FOLDER.");
}
