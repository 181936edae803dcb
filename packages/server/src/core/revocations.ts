/** Usernames that were revoked, as hashes until they expire. */
import type { Macs } from "@fractal-punch/machine";
import { asciiBytes, base64UrlText } from "@fractal-punch/wire";

/** What stands for a username in lists of revocations: base64url(HMAC-SHA256(secret, "fractal-punch revoked " username)). */
export function revocationHash(macs: Macs, secret: string, username: string): string {
  return base64UrlText(macs.hmacSha256(asciiBytes(secret), asciiBytes(`fractal-punch revoked ${username}`)));
}

export class Revocations {
  readonly #maximum: number;
  readonly #expiryMs = new Map<string, number>();

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  get size(): number {
    return this.#expiryMs.size;
  }

  /** False when the table is full of revocations that are still needed. */
  add(hash: string, expiresAtMs: number, epochMs: number): boolean {
    if (this.#expiryMs.size >= this.#maximum) this.#forgetExpired(epochMs);
    if (this.#expiryMs.size >= this.#maximum && !this.#expiryMs.has(hash)) return false;
    this.#expiryMs.set(hash, expiresAtMs);
    return true;
  }

  has(hash: string): boolean {
    return this.#expiryMs.has(hash);
  }

  #forgetExpired(epochMs: number): void {
    for (const [hash, expiresAtMs] of this.#expiryMs) if (expiresAtMs <= epochMs) this.#expiryMs.delete(hash);
  }
}
