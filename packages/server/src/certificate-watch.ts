import { stat } from "node:fs/promises";
import type { TlsIdentity } from "@fractal-punch/udp";
import { type CertificateFiles, readCertificateFiles } from "./tls-identity.ts";

const pollMs = 1_000;

/**
 * Reads a certificate and its key again when their files have changed. Looks at them every second, and reads when they
 * have stayed the same for one: who renews them writes two, one after the other.
 */
export class CertificateWatch {
  readonly #files: CertificateFiles;
  readonly #onIdentity: (identity: TlsIdentity) => void;
  readonly #onFault: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  #identity: TlsIdentity;
  #read: string | undefined;
  #seen: string | undefined;
  #looking: Promise<void> = Promise.resolve();

  /** `identity` is what was read before. `onFault` comes once for each state of the files that is no certificate with its key. */
  constructor(
    files: CertificateFiles,
    identity: TlsIdentity,
    onIdentity: (identity: TlsIdentity) => void,
    onFault: (error: unknown) => void,
  ) {
    this.#files = files;
    this.#onIdentity = onIdentity;
    this.#onFault = onFault;
    this.#identity = identity;
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look());
    }, pollMs).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const state = await this.#state();
    const isSettled = state === this.#seen;
    this.#seen = state;
    if (!isSettled || state === this.#read) return;
    this.#read = state;
    try {
      const identity = await readCertificateFiles(this.#files);
      if (identity.cert === this.#identity.cert && identity.key === this.#identity.key) return;
      this.#identity = identity;
      this.#onIdentity(identity);
    } catch (error) {
      this.#onFault(error);
    }
  }

  /** A different text after each change. */
  async #state(): Promise<string> {
    const { certificate, key } = this.#files;
    const states = await Promise.all([certificate, key].map((path) => stat(path).catch(() => undefined)));
    return states.map((one) => `${one?.ino} ${one?.size} ${one?.mtimeMs}`).join(" ");
  }
}
