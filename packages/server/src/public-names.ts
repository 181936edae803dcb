/** Under which names or addresses others reach this server: what goes into invites. */
import { createSocket } from "node:dgram";
import { type Address, type AddressScope, addressFromIpText, addressScope, ipText } from "@fractal-punch/machine";
import { cloudAddress } from "./cloud-address.ts";
import { ownAddresses } from "./public-addresses.ts";

/** Who says so: the operator, the cloud, the machine's own interfaces, or hosts that dialled it. */
export type NameSource = "option" | "cloud" | "interface" | "dialled";

export interface PublicNames {
  readonly names: readonly string[];
  readonly source: NameSource;
  /** All of them are private addresses: only peers in this network reach the server. */
  readonly arePrivate: boolean;
}

/**
 * `given` by the operator, else what the cloud says, else the addresses of the interfaces: the global ones, one for each
 * family, or the private ones when no family has a global one.
 */
export async function findPublicNames(given: readonly string[], families: readonly (4 | 6)[]): Promise<PublicNames> {
  if (given.length > 0) return named(given, "option");
  const own = await Promise.all(families.map((family) => interfaceAddress(family)));
  const globals = own.filter((address) => address !== undefined && addressScope(address) === "global");
  const found = (globals.length > 0 ? globals : own).filter((address) => address !== undefined);
  const fromCloud = families.includes(4) ? await cloudAddress() : undefined;
  if (fromCloud === undefined) return named(found.map(ipText), "interface");
  const with6 = found.filter((address) => address.family === 6 && globals.includes(address));
  return named([fromCloud, ...with6.map(ipText)], "cloud");
}

export function named(names: readonly string[], source: NameSource): PublicNames {
  const addresses = names.map((name) => addressFromIpText(name, 0));
  return { names, source, arePrivate: addresses.every((address) => address && addressScope(address) !== "global") };
}

/**
 * The names after a host has dialled the server at that address. Hosts know better than private interfaces do, and nobody
 * knows better than the operator and the cloud. Of each family the first host is believed, so that a later one cannot lead
 * others astray.
 */
export function taught(current: PublicNames, dialled: Address): PublicNames {
  const { source, names } = current;
  if (addressScope(dialled) !== "global" || (source !== "dialled" && !isGuess(current))) return current;
  const known = source === "dialled" ? names : [];
  if (known.some((name) => addressFromIpText(name, 0)?.family === dialled.family)) return current;
  return named([...known, ipText(dialled)], "dialled");
}

/** Whether hosts can teach better: only private addresses of this machine are known, or none. */
export function isGuess({ source, arePrivate }: PublicNames): boolean {
  return source === "interface" && arePrivate;
}

async function interfaceAddress(family: 4 | 6): Promise<Address | undefined> {
  const found = [await routedAddress(family), ...ownAddresses()];
  const own = found.filter((address) => address?.family === family);
  const ofScope = (...scopes: AddressScope[]): Address | undefined =>
    own.find((address) => address !== undefined && scopes.includes(addressScope(address)));
  return ofScope("global") ?? ofScope("private", "shared");
}

/** The address that datagrams to the Internet leave from. Connecting a UDP socket sends nothing. */
function routedAddress(family: 4 | 6): Promise<Address | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(family === 4 ? "udp4" : "udp6");
    const finish = (address?: Address): void => {
      socket.close();
      resolve(address);
    };
    socket.on("error", () => finish());
    socket.on("connect", () => finish(addressFromIpText(socket.address().address, 0)));
    socket.connect(9, family === 4 ? "192.0.2.1" : "2001:db8::1");
  });
}
