/** The certificate under which a server takes TLS, and its key: one that it was given, or its own. */
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import type { TlsIdentity } from "@fractal-punch/udp";
import { ServerError, systemCode } from "./server-error.ts";
import { folderError } from "./state-folder.ts";

/** Files in PEM, as certbot leaves them. */
export interface CertificateFiles {
  /** The certificate, with those behind it that lead to its authority. */
  readonly certificate: string;
  /** Its private key, without a passphrase. */
  readonly key: string;
}

export interface TlsSettings {
  /** 443 when absent; 0 lets the system choose. */
  readonly port?: number;
  /** Read again when they change. The server's own certificate when absent. */
  readonly files?: CertificateFiles;
}

/**
 * The one in the files; without files the one in the state folder, made there (mode 0600) when it is missing. Rejects with
 * OPTION, STATE_FOLDER, or CERTIFICATE when the state folder's is none.
 */
export function openTlsIdentity({ files }: TlsSettings, stateFolder: string): Promise<TlsIdentity> {
  return files === undefined ? openOwnCertificate(stateFolder) : readCertificateFiles(files);
}

/** Rejects with OPTION when they cannot be read, are none, are not of one another, or the certificate is over. */
export async function readCertificateFiles(files: CertificateFiles): Promise<TlsIdentity> {
  const [cert, key] = await Promise.all([read("certificate", files.certificate), read("key", files.key)]);
  const certificate = certificateOf(cert);
  if (certificate === undefined)
    throw faulty(`${files.certificate} holds no certificate in PEM. Name one with --certificate.`);
  const privateKey = privateKeyOf(key);
  if (privateKey === undefined)
    throw faulty(`${files.key} holds no private key in PEM without a passphrase. Name one with --key.`);
  if (!certificate.checkPrivateKey(privateKey))
    throw faulty(
      `The key in ${files.key} is not that of the certificate in ${files.certificate}. Name two that belong together.`,
    );
  if (Date.parse(certificate.validTo) < Date.now())
    throw faulty(
      `The certificate in ${files.certificate} ended on ${certificate.validTo}. Renew it, or look at this machine's clock.`,
    );
  checkUse(files.certificate, { key, cert });
  return { key, cert };
}

async function openOwnCertificate(folder: string): Promise<TlsIdentity> {
  const path = join(folder, "tls.pem");
  const known = await readOwn(path, folder);
  if (known !== undefined) return known;
  // It takes 20 ms and 8 MB to load, once in the life of a folder.
  const { makeCertificate } = await import("./certificate.ts");
  const made = makeCertificate(Date.now());
  try {
    await writeFile(path, made.key + made.cert, { flag: "wx", mode: 0o600 });
    return made;
  } catch (error) {
    const others = systemCode(error) === "EEXIST" ? await readOwn(path, folder) : undefined;
    if (others !== undefined) return others;
    throw folderError("written", folder, error);
  }
}

/** SHA-256 of the certificate's public key (SubjectPublicKeyInfo, DER): what peers know it by. */
export function keyHashOf({ cert }: TlsIdentity): Uint8Array {
  const { publicKey } = new X509Certificate(cert);
  return new Uint8Array(
    createHash("sha256")
      .update(publicKey.export({ type: "spki", format: "der" }))
      .digest(),
  );
}

/** `undefined` when there is none. */
async function readOwn(path: string, folder: string): Promise<TlsIdentity | undefined> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw folderError("read", folder, error);
  });
  if (text === undefined) return undefined;
  const key = privateKeyOf(text);
  if (key !== undefined && certificateOf(text)?.checkPrivateKey(key)) return { key: text, cert: text };
  const remedy =
    "Put the file back from a copy, or move it away: the server then makes a new one, and invites printed before no longer reach it over TLS.";
  throw new ServerError("CERTIFICATE", `${path} does not hold a certificate and its key. ${remedy}`);
}

async function read(what: "certificate" | "key", path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const remedy = `Name a file with --${what} that this user may read.`;
    throw new ServerError("OPTION", `The ${what} ${path} cannot be read (${systemCode(error)}). ${remedy}`, error);
  }
}

/** OpenSSL refuses more than is checked here: keys that are too short, chains that are broken. */
function checkUse(path: string, identity: TlsIdentity): void {
  try {
    createSecureContext({ ...identity, ca: [] });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw faulty(`The certificate in ${path} cannot be used for TLS (${reason}). Name another with --certificate.`);
  }
}

function faulty(message: string): ServerError {
  return new ServerError("OPTION", message);
}

function certificateOf(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function privateKeyOf(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
