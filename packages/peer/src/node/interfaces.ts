/** This machine's own addresses, and when they change. */
import { EventEmitter } from "node:events";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { type Address, addressFromIpText, addressScope, ipText } from "@fractal-punch/machine";
import type { InterfaceAddress } from "../core/events.ts";

const pollEveryMs = 2_000;

export type InterfaceSource = () => Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * Every address another machine might reach, with port 0: not those of loopback, nor IPv6's link-local ones, which need a
 * zone. None where the system does not tell, as on Android.
 */
export function ownAddresses(source: InterfaceSource = networkInterfaces): InterfaceAddress[] {
  const infos = interfaceInfos(source).filter(({ internal }) => !internal);
  return infos.flatMap((info) => {
    const address = addressFromIpText(info.address, 0);
    return address === undefined || isUnusable(address) ? [] : [{ address, prefixBits: prefixBitsOf(info) }];
  });
}

/**
 * Emits `change` with the new addresses when they differ from those before. Looks every 2 s, because no platform tells Node;
 * does not keep the process running.
 */
export class InterfaceWatcher extends EventEmitter<{ change: [addresses: readonly InterfaceAddress[]] }> {
  readonly #source: InterfaceSource;
  readonly #timer: NodeJS.Timeout;
  #addresses: readonly InterfaceAddress[];

  constructor(source: InterfaceSource = networkInterfaces) {
    super();
    this.#source = source;
    this.#addresses = ownAddresses(source);
    this.#timer = setInterval(() => this.check(), pollEveryMs).unref();
  }

  /** As they were at the last look. */
  get addresses(): readonly InterfaceAddress[] {
    return this.#addresses;
  }

  /** Looks at once. */
  check(): void {
    const addresses = ownAddresses(this.#source);
    if (textOf(addresses) === textOf(this.#addresses)) return;
    this.#addresses = addresses;
    this.emit("change", addresses);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

function interfaceInfos(source: InterfaceSource): NetworkInterfaceInfo[] {
  try {
    return Object.values(source()).flatMap((infos) => infos ?? []);
  } catch {
    return [];
  }
}

function isUnusable(address: Address): boolean {
  const scope = addressScope(address);
  return scope === "loopback" || scope === "unspecified" || (scope === "link-local" && address.family === 6);
}

/** Without a prefix of its own the address is its whole subnet. */
function prefixBitsOf(info: NetworkInterfaceInfo): number {
  const bits = Number(info.cidr?.split("/")[1] ?? Number.NaN);
  return Number.isInteger(bits) ? bits : info.family === "IPv4" ? 32 : 128;
}

/** The same for the same addresses, in whatever order the system lists them. */
function textOf(addresses: readonly InterfaceAddress[]): string {
  const texts = addresses.map(({ address, prefixBits }) => `${ipText(address)}/${prefixBits}`);
  return texts.toSorted().join(" ");
}
