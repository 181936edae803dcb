import { type Address, addressFromWords, type DatagramInfo, noInfo, withPort } from "@fractal-punch/machine";

/** Few: the addresses of this machine, each with the ECN bits that are in use. */
const maxInfos = 64;

interface Known {
  readonly words: readonly number[];
  readonly ecn: number;
  readonly info: DatagramInfo;
}

/** What machines are told of datagrams besides their bytes, without a new object for each. */
export class InfoBook {
  readonly #port: number;
  readonly #known: Known[] = [];

  /** Of a socket that is bound to that port. */
  constructor(port: number) {
    this.#port = port;
  }

  info(of: { readonly local: Uint32Array; readonly ecn: number }): DatagramInfo {
    const { local, ecn } = of;
    if (local[0] === 0 && ecn === 0) return noInfo;
    for (const { words, ecn: knownEcn, info } of this.#known)
      if (knownEcn === ecn && words.every((word, i) => word === local[i])) return info;
    const info = this.#make(local, ecn);
    if (this.#known.length < maxInfos) this.#known.push({ words: [...local], ecn, info });
    return info;
  }

  #make(local: Uint32Array, ecn: number): DatagramInfo {
    const address: Address | undefined = local[0] === 0 ? undefined : withPort(addressFromWords(local, 0), this.#port);
    return { ...(address && { local: address }), ...(ecn !== 0 && { ecn }) };
  }
}
