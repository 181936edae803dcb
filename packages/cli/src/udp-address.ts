/** The ADDR:PORT of --udp: where a tunnel ends on this machine or in its network. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { PunchError } from "@fractal-punch/peer";

export interface UdpAddress {
  readonly ip: string;
  readonly family: 4 | 6;
  readonly port: number;
}

/**
 * From "127.0.0.1:47998", "[::1]:47998", "name:47998", or "47998" on 127.0.0.1. Rejects with USAGE for anything else, and
 * for port 0 unless `anyPort`.
 */
export async function resolveUdpAddress(text: string, anyPort: boolean): Promise<UdpAddress> {
  const match = /^(?:(?:\[([^\]]+)\]|([^:]+)):)?([0-9]{1,5})$/.exec(text.trim());
  const name = match?.[1] ?? match?.[2] ?? "127.0.0.1";
  const port = Number(match?.[3] ?? Number.NaN);
  if (!(port <= 65_535 && (anyPort || port > 0)))
    throw new PunchError("USAGE", `--udp takes ADDR:PORT, for example 127.0.0.1:47998; "${text}" is not of that form.`);
  const family = isIP(name);
  if (family === 4 || family === 6) return { ip: name, family, port };
  try {
    const found = await lookup(name);
    return { ip: found.address, family: found.family === 6 ? 6 : 4, port };
  } catch (error) {
    throw new PunchError("USAGE", `--udp ${text}: the name "${name}" was not found. Give an IP address.`, error);
  }
}

export function udpAddressText({ ip, family, port }: UdpAddress): string {
  return family === 6 ? `[${ip}]:${port}` : `${ip}:${port}`;
}
