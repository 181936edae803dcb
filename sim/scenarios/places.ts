/** Where the two ends of a scenario are. One-way delays: client-server c = 35 ms, host-server h = 25, client-host d = 30. */
import {
  type EndOptions,
  fullCone,
  linuxHomeRouter,
  linuxMasquerade,
  type PairOptions,
  portRestrictedCone,
  type Received,
  type RouterBehaviour,
  restrictedCone,
} from "@fractal-punch/sim";

export const delays = { client: { delayMs: 20 }, host: { delayMs: 10 }, server: { delayMs: 15 } };

/** Those that keep a socket's outside port whatever the destination. */
export const cones: Record<string, RouterBehaviour> = {
  "full cone": fullCone,
  "restricted cone": restrictedCone,
  "port-restricted cone": portRestrictedCone,
  "Linux home router": linuxHomeRouter,
  "Linux that takes unasked datagrams": linuxMasquerade,
};

export function between(
  client: RouterBehaviour,
  host: RouterBehaviour,
  more: { client?: EndOptions; host?: EndOptions } & Omit<PairOptions, "client" | "host"> = {},
): PairOptions {
  return {
    server: delays.server,
    ...more,
    client: { ...delays.client, behind: client, ...more.client },
    host: { ...delays.host, behind: host, ...more.host },
  };
}

/** Which of the texts "0", "1" … of a stream were not received. */
export function missing(received: readonly Received[], count: number): number[] {
  const texts = new Set(received.map(({ text }) => text));
  return Array.from({ length: count }, (_, index) => index).filter((index) => !texts.has(String(index)));
}

/** Which texts were received more than once. */
export function twice(received: readonly Received[]): string[] {
  const seen = new Set<string>();
  return received.filter(({ text }) => seen.size === seen.add(text).size).map(({ text }) => text);
}
