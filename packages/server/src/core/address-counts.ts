import { type Address, type AddressKey, prefixKey } from "@fractal-punch/machine";

/** Who has a network of IPv6 has all its addresses. */
const addressBits = { 4: 32, 6: 64 } as const;

/** How many of something there are of each address of IPv4, and of each /64 of IPv6. */
export class AddressCounts {
  readonly #counts = new Map<AddressKey, number>();

  of(address: Address): number {
    return this.#counts.get(keyOf(address)) ?? 0;
  }

  add(address: Address, difference: 1 | -1): void {
    const count = this.of(address) + difference;
    if (count === 0) this.#counts.delete(keyOf(address));
    else this.#counts.set(keyOf(address), count);
  }
}

function keyOf(address: Address): AddressKey {
  return prefixKey(address, addressBits[address.family]);
}
