/** Networks of IP addresses ("10.0.0.0/8"), and values kept by network. Ports play no part. */
import { type Address, type AddressKey, addressFromIpText, prefixKey } from "@fractal-punch/machine";

export interface Network {
  /** The lowest address of the network, with port 0. */
  readonly address: Address;
  /** How many leading bits all its addresses share: 0 to 32, or 0 to 128. */
  readonly bits: number;
}

/**
 * From "10.0.0.0/8", "2001:db8::/32", or one address without a length. `undefined` for all else: names, brackets,
 * zones, IPv4-mapped addresses, leading zeros, a length out of range. Bits behind the prefix must be zero:
 * "10.0.0.5/8" may be meant as one address or as 16 million, and in a list of permissions a guess is not safe.
 */
export function networkFromText(text: string): Network | undefined {
  const match = /^([^/]+)(?:\/(0|[1-9][0-9]{0,2}))?$/.exec(text);
  const address = addressFromIpText(match?.[1] ?? "", 0);
  if (address === undefined) return undefined;
  const allBits = address.family === 4 ? 32 : 128;
  const bits = match?.[2] === undefined ? allBits : Number(match[2]);
  if (bits > allBits) return undefined;
  const prefix = prefixKey(address, bits);
  const lowest = typeof prefix === "number" ? prefix : prefix.padEnd(16, "\0");
  return lowest === address.ip ? { address, bits } : undefined;
}

interface Layer<Value> {
  readonly bits: number;
  readonly values: Map<AddressKey, Value>;
}

/** Values by network. A look-up costs one table access for each prefix length in use, not for each network. */
export class NetworkMap<Value> {
  /** For each family, the longest prefixes first. */
  readonly #layers: { readonly 4: Layer<Value>[]; readonly 6: Layer<Value>[] } = { 4: [], 6: [] };

  constructor(entries: Iterable<readonly [Network, Value]>) {
    for (const [network, value] of entries) {
      this.#layer(network).values.set(prefixKey(network.address, network.bits), value);
    }
    for (const layers of [this.#layers[4], this.#layers[6]]) layers.sort((a, b) => b.bits - a.bits);
  }

  /** The value of the smallest network that holds the address. */
  get(address: Address): Value | undefined {
    for (const { bits, values } of this.#layers[address.family]) {
      const value = values.get(prefixKey(address, bits));
      if (value !== undefined) return value;
    }
    return undefined;
  }

  #layer({ address, bits }: Network): Layer<Value> {
    const layers = this.#layers[address.family];
    const known = layers.find((layer) => layer.bits === bits);
    if (known !== undefined) return known;
    const layer: Layer<Value> = { bits, values: new Map() };
    layers.push(layer);
    return layer;
  }
}
