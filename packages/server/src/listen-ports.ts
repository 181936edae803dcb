/** Which ports a server opens, and what it means when one cannot be opened. */
import { addressFromIpText, addressText, ipText, withPort } from "@fractal-punch/machine";
import type { ListenPort } from "./core/index.ts";
import { ServerError } from "./server-error.ts";

/** Fractal's port, and STUN's, which tells a peer how its NAT maps. */
export const defaultPort = 48_800;
export const defaultSecondPort = 3478;

/** HTTPS's, which networks that block UDP let out. */
export const defaultTlsPort = 443;

export interface PortNumbers {
  readonly main: number;
  readonly second: number | undefined;
  readonly tls: number | undefined;
}

/**
 * The main port, the second and that of TLS on each address, which are IP addresses as text; on all addresses of both
 * families when there is none. Throws OPTION.
 */
export function listenPorts(addresses: readonly string[], { main, second, tls }: PortNumbers): ListenPort[] {
  for (const number of [main, second ?? 0, tls ?? 0]) {
    if (Number.isInteger(number) && number >= 0 && number <= 65_535) continue;
    throw new ServerError("OPTION", `${number} is no port: ports are 0 to 65535.`);
  }
  if (main === second && main !== 0)
    throw new ServerError(
      "OPTION",
      `The second port is the first, ${main}: peers need two different ones to learn how their NATs map.`,
    );
  if (main === tls && main !== 0)
    throw new ServerError("OPTION", `The port of TLS is the main one, ${main}, which takes TCP: choose another.`);
  const places = addresses.length === 0 ? [{ family: 4 as const }, { family: 6 as const }] : addresses.map(placeOf);
  const all: ListenPort[] = places.map((place) => ({ ...place, port: main, main: true }));
  if (second !== undefined) all.push(...places.map((place) => ({ ...place, port: second, main: false })));
  if (tls !== undefined)
    all.push(...places.map((place) => ({ ...place, transport: "tls" as const, port: tls, main: true })));
  return all;
}

/** Whether the port failed because this machine has no IPv6, which only matters where somebody asked for it by name. */
export function isWithoutIp6(port: ListenPort, code: string): boolean {
  return port.family === 6 && port.local === undefined && (code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL");
}

/** Whether the server is of no use without that port. */
export function isNeeded(port: ListenPort): boolean {
  return port.main && (port.transport ?? "udp") === "udp";
}

export function portError(port: ListenPort, code: string): ServerError {
  const place =
    port.local === undefined ? `port ${port.port} (IPv${port.family})` : addressText(withPort(port.local, port.port));
  switch (code) {
    case "EADDRINUSE": {
      const remedy = "Another program has it, perhaps another server: stop that one, or choose another port.";
      return new ServerError("PORT_IN_USE", `UDP ${place} is in use. ${remedy}`);
    }
    case "EACCES":
    case "EPERM": {
      const remedy = "Choose one above 1023, or give the program the right to open it (CAP_NET_BIND_SERVICE).";
      return new ServerError("PORT_DENIED", `This user may not open UDP ${place}. ${remedy}`);
    }
    case "EADDRNOTAVAIL": {
      const where = port.local === undefined ? "it" : ipText(port.local);
      return new ServerError("PORT", `UDP ${place} cannot be opened: this machine does not have the address ${where}.`);
    }
    default:
      return new ServerError("PORT", `UDP ${place} cannot be opened (${code}).`);
  }
}

function placeOf(text: string): Pick<ListenPort, "family" | "local"> {
  const local = addressFromIpText(text, 0);
  if (local === undefined) throw new ServerError("OPTION", `"${text}" is no IP address to listen on.`);
  return { family: local.family, local };
}
