/** An option that is a loopback address: what listens there asks for no password. */
import { type Address, addressFromText, addressScope } from "@fractal-punch/machine";
import { InvalidArgumentError } from "commander";

export function loopbackOption(text: string): Address {
  const address = addressFromText(text);
  if (address === undefined)
    throw new InvalidArgumentError("It is an IP address and a port, such as 127.0.0.1:9480 or [::1]:9480.");
  if (addressScope(address) === "loopback") return address;
  throw new InvalidArgumentError(
    "It must be on loopback, such as 127.0.0.1:9480, because nobody is asked for a password. To read it from another machine, use a tunnel or a proxy that asks.",
  );
}
