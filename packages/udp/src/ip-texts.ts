import { type Address, addressFromIpText, ipText, withPort } from "@fractal-punch/machine";

/** Forgetting everything at once is cheaper than keeping an order, and a flood of sources empties any order anyway. */
const maxEntries = 4_096;

/** Translates between addresses and node:dgram's texts, and remembers the recent ones: parsing costs a microsecond. */
export class IpTexts {
  readonly #addresses = new Map<string, Address>();
  readonly #texts = new Map<Address["ip"], string>();

  /** `undefined` for what no machine may see: an address with a zone ("fe80::1%eth0"), or an IPv4-mapped one. */
  address(text: string, port: number): Address | undefined {
    const known = this.#addresses.get(text);
    if (known !== undefined) return withPort(known, port);
    const address = addressFromIpText(text, port);
    if (address === undefined) return undefined;
    if (this.#addresses.size >= maxEntries) this.#addresses.clear();
    this.#addresses.set(text, address);
    return address;
  }

  text(address: Address): string {
    const known = this.#texts.get(address.ip);
    if (known !== undefined) return known;
    const text = ipText(address);
    if (this.#texts.size >= maxEntries) this.#texts.clear();
    this.#texts.set(address.ip, text);
    return text;
  }
}
