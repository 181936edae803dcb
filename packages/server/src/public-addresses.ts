/** The addresses at which others reach this machine, and those that no client may have the server send to. */
import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";
import { type Address, addressFromIpText, addressScope } from "@fractal-punch/machine";

/**
 * What stands for each name, in their order: its first address of each family, because a resolver gives several in any
 * order. A name that cannot be resolved gives none.
 */
export async function publicAddresses(publicNames: readonly string[]): Promise<Address[]> {
  const found = await Promise.all(publicNames.map(addressesOf));
  const firsts = found.flatMap((all) => [4, 6].map((family) => all.find((address) => address.family === family)));
  return firsts.filter((address) => address !== undefined);
}

/** Those of this machine's interfaces. */
export function ownAddresses(): Address[] {
  const texts = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
  return texts.map((text) => addressFromIpText(text, 0)).filter((address) => address !== undefined);
}

/**
 * The public addresses of IPv4 among a machine's own, where there are several; else none. A socket that listens on all of
 * them answers from the one that the routes choose, and peers know no server at that one.
 */
export function severalPublicIp4(own: readonly Address[]): readonly Address[] {
  const found = own.filter((address) => address.family === 4 && addressScope(address) === "global");
  return found.length > 1 ? found : [];
}

async function addressesOf(name: string): Promise<Address[]> {
  const address = addressFromIpText(name, 0);
  if (address !== undefined) return [address];
  try {
    const resolved = await lookup(name, { all: true });
    return resolved.map((one) => addressFromIpText(one.address, 0)).filter((one) => one !== undefined);
  } catch {
    return [];
  }
}
