/**
 * Asks a server what address it sees, or with a user for a relayed address, and prints what it said.
 *
 * usage: stun-client-program.js IP:PORT [USER PASSWORD]
 */
import { stdout } from "node:process";
import { addressFromText, addressText } from "@fractal-punch/machine";
import { Driver } from "@fractal-punch/udp";
import type { ClientReport } from "./client-report.ts";
import { StunClient, type Told } from "./stun-client.ts";

const [server = "", username, password = ""] = process.argv.slice(2);
const address = addressFromText(server);
if (address === undefined) throw new Error("usage: stun-client-program.js IP:PORT [USER PASSWORD]");
const client = new StunClient(address, username === undefined ? undefined : { username, password });
const driver = new Driver<never, Told>(client, {
  onEvent: (told) => {
    stdout.write(`${JSON.stringify(reportOf(told))}\n`);
    void driver.close();
  },
});

function reportOf({ local, mapped, relayed, ...told }: Told): ClientReport {
  return {
    local: addressText(local),
    ...(mapped && { mapped: addressText(mapped) }),
    ...(relayed && { relayed: addressText(relayed) }),
    ...told,
  };
}
