/** The key of this host or client: a file with the X25519 secret key in base64url, one line. */

import { randomBytes } from "@fractal-punch/machine";
import { nodePrimitives, systemRandom } from "@fractal-punch/udp/primitives";
import { base64UrlBytes, base64UrlText } from "@fractal-punch/wire";
import type { KeyPair } from "../core/noise.ts";
import { PunchError } from "../errors.ts";
import { readPrivateFile, withFileLock, writePrivateFile } from "./private-file.ts";

const keyBytes = 32;

/**
 * The key pair in that file; a new one, written there with mode 0600, when there is none. Processes that make it at the
 * same time end with one key. Rejects with KEY_FILE when the file is not usable, and FOLDER when it cannot be made.
 */
export async function readOrMakeKey(file: string): Promise<KeyPair> {
  const secretKey =
    (await readKey(file)) ?? (await withFileLock(file, async () => (await readKey(file)) ?? makeKey(file)));
  return { secretKey, publicKey: nodePrimitives.publicKey(secretKey) };
}

async function readKey(file: string): Promise<Uint8Array | undefined> {
  const found = await readPrivateFile(file);
  if (found === undefined) return undefined;
  const secretKey = base64UrlBytes(found.text.trim());
  if (secretKey?.length === keyBytes) return secretKey;
  const message = `The file ${file} holds no key: it should be one line of 43 characters.`;
  throw new PunchError("KEY_FILE", `${message} Put back the right file, or move it away to start with a new key.`);
}

async function makeKey(file: string): Promise<Uint8Array> {
  const secretKey = randomBytes(systemRandom, keyBytes);
  await writePrivateFile(file, `${base64UrlText(secretKey)}\n`);
  return secretKey;
}
