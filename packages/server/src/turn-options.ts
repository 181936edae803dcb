/** TURN's part of a server's options, as people write it. */
import { type Network, networkFromText, type PortRange, type TurnOptions } from "./core/index.ts";
import { ServerError } from "./server-error.ts";

export interface TurnSettings {
  /** What clients are told to ask with; "fractal-punch" when absent. */
  readonly realm?: string;
  /** The ports of relayed addresses, first and last; 49152 to 65535 when absent. */
  readonly relayPorts?: PortRange;
  /** Networks that may be relayed to though they are refused by default, as "10.0.0.0/8" or a single address. */
  readonly allow?: readonly string[];
  /** Networks that may not be relayed to. */
  readonly deny?: readonly string[];
  /** Passwords by username, besides those that the operator's secret makes. */
  readonly users?: Readonly<Record<string, string>>;
}

/** The dynamic ports of RFC 6335. */
const dynamicPorts: PortRange = { first: 49_152, last: 65_535 };

/** Throws OPTION. */
export function turnOptions(settings: TurnSettings): TurnOptions {
  const { realm = "fractal-punch", relayPorts = dynamicPorts, allow = [], deny = [], users = {} } = settings;
  const { first, last } = relayPorts;
  if (!(first >= 1024 && last <= 65_535 && first < last))
    throw new ServerError("OPTION", `${first}-${last} is no range of ports to relay through: it lies in 1024-65535.`);
  const names = Object.entries(users).map(([name, password]): [string, string] => [
    bytesText(name),
    bytesText(password),
  ]);
  return {
    realm: bytesText(realm),
    relayPorts: { first, last },
    allow: allow.map(networkOf),
    deny: deny.map(networkOf),
    users: new Map(names),
  };
}

function networkOf(text: string): Network {
  const network = networkFromText(text);
  if (network !== undefined) return network;
  throw new ServerError("OPTION", `"${text}" is no network: write it as 10.0.0.0/8, 2001:db8::/32, or one address.`);
}

/** A character for each byte of UTF-8, as texts of the wire are. */
function bytesText(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}
