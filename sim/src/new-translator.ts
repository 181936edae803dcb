/** From a behaviour to the model that behaves so. */
import type { Address } from "@fractal-punch/machine";
import { Firewall, openRouter } from "./firewall.ts";
import { LinuxNat } from "./linux-nat.ts";
import { Nat } from "./nat.ts";
import type { RouterBehaviour } from "./nat-behaviour.ts";
import type { Prng } from "./prng.ts";
import type { Translator } from "./translator.ts";

/** `addresses` are the outside ones: at least one for a NAT, of which masquerade uses the first; else none. */
export function newTranslator(behaviour: RouterBehaviour, addresses: readonly Address[], prng: Prng): Translator {
  switch (behaviour.kind) {
    case "nat":
      return new Nat(behaviour, addresses, prng);
    case "linux": {
      const [address] = addresses;
      if (address === undefined) throw new Error("broken invariant: a NAT without an address");
      return new LinuxNat(behaviour, address, prng);
    }
    case "firewall":
      return new Firewall(behaviour);
    case "none":
      return openRouter;
  }
}
