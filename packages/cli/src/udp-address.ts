/** The ADDR:PORT of --udp: where a tunnel ends on this machine or in its network. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { type Address, addressFromIpText } from "@fractal-punch/machine";
import { PunchError } from "@fractal-punch/peer";

/**
 * From "127.0.0.1:47998", "[::1]:47998", "name:47998", or "47998" on 127.0.0.1. Rejects with USAGE for anything else, and
 * for port 0 unless `anyPort`.
 */
export async function resolveUdpAddress(text: string, anyPort: boolean): Promise<Address> {
  const match = /^(?:(?:\[([^\]]+)\]|([^:]+)):)?([0-9]{1,5})$/.exec(text.trim());
  const name = match?.[1] ?? match?.[2] ?? "127.0.0.1";
  const port = Number(match?.[3] ?? Number.NaN);
  if (!(port <= 65_535 && (anyPort || port > 0)))
    throw new PunchError("USAGE", `--udp takes ADDR:PORT, for example 127.0.0.1:47998; "${text}" is not of that form.`);
  const address = addressFromIpText(isIP(name) === 0 ? await ipOf(name, text) : name, port);
  if (address === undefined)
    throw new PunchError("USAGE", `--udp ${text}: ${name} has a zone, or is IPv4 in IPv6. Give another address.`);
  return address;
}

async function ipOf(name: string, text: string): Promise<string> {
  try {
    return (await lookup(name)).address;
  } catch (error) {
    throw new PunchError("USAGE", `--udp ${text}: the name "${name}" was not found. Give an IP address.`, error);
  }
}
