import { type Address, addressFromWords, addressWords, sameWords } from "@fractal-punch/machine";

/** A power of two. */
const places = 8_192;

/**
 * Addresses as machines want them, from address words, without a new object for each datagram. Each address has one place,
 * which the next one of that place takes over, so that a flood of senders costs no more than making their addresses.
 */
export class AddressBook {
  readonly #addresses: (Address | undefined)[] = Array<Address | undefined>(places).fill(undefined);
  readonly #words = new Uint32Array(addressWords * places);

  address(words: Uint32Array): Address {
    const place = placeOf(words);
    const at = addressWords * place;
    const known = this.#addresses[place];
    if (known !== undefined && sameWords(this.#words, at, words, 0)) return known;
    const address = addressFromWords(words, 0);
    this.#addresses[place] = address;
    for (let i = 0; i < addressWords; i++) this.#words[at + i] = words[i] ?? 0;
    return address;
  }
}

/** Whoever brings others to one place makes them cost what they cost without the book. */
function placeOf(words: Uint32Array): number {
  let hash = 0;
  for (let i = 0; i < addressWords; i++) hash = Math.imul(hash ^ (words[i] ?? 0), 0x9e37_79b1);
  return ((hash ^ (hash >>> 15)) >>> 0) & (places - 1);
}
