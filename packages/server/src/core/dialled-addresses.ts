import { type Address, sameAddress } from "@fractal-punch/machine";

/** The addresses at which hosts dialled the server: behind a 1:1 NAT it has no other way to learn its public ones. */
export class DialledAddresses {
  readonly #last = new Map<4 | 6, Address>();

  /** Whether that family's last one was another. */
  isNews(address: Address): boolean {
    const last = this.#last.get(address.family);
    this.#last.set(address.family, address);
    return last === undefined || !sameAddress(last, address);
  }
}
