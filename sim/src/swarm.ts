/** Random worlds: one pair in each, behind random NATs, over random lines, with random misfortunes, all from a seed. */
import {
  fullCone,
  linuxHomeRouter,
  portRestrictedCone,
  type RouterBehaviour,
  restrictedCone,
  symmetric,
  symmetricInBlock,
  symmetricSequential,
} from "./nat-behaviour.ts";
import type { LineOptions } from "./network.ts";
import { Pair } from "./pair.ts";
import type { Prng } from "./prng.ts";
import type { Router } from "./router.ts";
import { World } from "./world.ts";

/** NATs that give a socket one port whatever the destination: between them a direct path is promised. */
const cones: Readonly<Record<string, RouterBehaviour | undefined>> = {
  public: undefined,
  "full cone": fullCone,
  "restricted cone": restrictedCone,
  "port-restricted cone": portRestrictedCone,
  "Linux home router": linuxHomeRouter,
};

const others: Readonly<Record<string, RouterBehaviour>> = {
  symmetric,
  "sequential symmetric": symmetricSequential,
  "symmetric in a block": symmetricInBlock,
};

type Misfortune = "none" | "cut" | "server restart" | "client's router reboots" | "host's router reboots";
const misfortunes: readonly Misfortune[] = [
  "none",
  "cut",
  "server restart",
  "client's router reboots",
  "host's router reboots",
];

/** What a seed stands for. */
interface Draw {
  readonly seed: number;
  readonly clientNat: string;
  readonly hostNat: string;
  readonly client: LineOptions;
  readonly host: LineOptions;
  readonly serverDelayMs: number;
  readonly misfortune: Misfortune;
  readonly early: boolean;
}

const datagrams = 100;
const everyMs = 50;
/** Misfortunes happen in the midst of the stream, and last so long. */
const misfortuneAtMs = 1500;
const misfortuneMs = 3000;
/** By then every path that works is found again. */
const calmMs = 30_000;

/** Runs the world of a seed; what is wrong with it, if anything is. */
export function runSeed(seed: number): string | undefined {
  const drawn = draw(new World({ seed, log: false }).random("swarm"), seed);
  try {
    const fault = faultOf(drawn);
    return fault && `${fault} (${describe(drawn)})`;
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)} (${describe(drawn)})`;
  }
}

function draw(prng: Prng, seed: number): Draw {
  const nats = [...Object.keys(cones), ...Object.keys(cones), ...Object.keys(others)];
  const rough = prng.chance(0.5);
  const line = (): LineOptions => ({
    delayMs: 1 + prng.below(80),
    ...(rough && { lossRate: prng.unit() * 0.05, duplicateRate: prng.unit() * 0.05, reorderRate: prng.unit() * 0.05 }),
  });
  return {
    seed,
    clientNat: pick(prng, nats),
    hostNat: pick(prng, nats),
    client: line(),
    host: line(),
    serverDelayMs: 1 + prng.below(40),
    misfortune: pick(prng, misfortunes),
    early: prng.chance(0.3),
  };
}

function pick<Item>(prng: Prng, items: readonly Item[]): Item {
  const item = items[prng.below(items.length)];
  if (item === undefined) throw new RangeError("nothing to pick from");
  return item;
}

/** A router of that kind in the world; `undefined` for an end with a public address. */
function routerOf(world: World, name: string, end: string, line: LineOptions): Router | undefined {
  const behaviour = cones[name] ?? others[name];
  return behaviour && world.nat(`${end}'s router`, behaviour, line);
}

function faultOf(drawn: Draw): string | undefined {
  const world = new World({ seed: drawn.seed, log: false });
  const { early } = drawn;
  const clientRouter = routerOf(world, drawn.clientNat, "client", drawn.client);
  const hostRouter = routerOf(world, drawn.hostNat, "host", drawn.host);
  const client = clientRouter ? { behind: clientRouter } : drawn.client;
  const host = hostRouter ? { behind: hostRouter } : drawn.host;
  const server = { delayMs: drawn.serverDelayMs };
  const pair = new Pair({ client, host, server, earlyData: early }, world).begin().echo();
  pair.connected(early ? { earlyData: "early" } : {});
  pair.stream(datagrams, everyMs);
  suffer(pair, drawn.misfortune, clientRouter, hostRouter);
  pair.pass(datagrams * everyMs + calmMs);
  const received = disturbed(pair);
  if (received) return received;
  const answered = pair.replies.length;
  for (let i = 0; i < 5; i++) {
    pair.send(`last ${i}`);
    pair.pass(1000);
  }
  if (pair.replies.length === answered) return "the session is dead after the misfortune";
  return disagreement(pair, drawn) ?? leftovers(pair);
}

/** Both ends are to be on the same kind of path, a direct one where that is promised, within the time that chance may take. */
function disagreement(pair: Pair, drawn: Draw): string | undefined {
  const promised = drawn.clientNat in cones && drawn.hostNat in cones;
  // Each end judges by its own probes, so over a rough line one may by chance find the direct path bad, and the other not.
  const rough = drawn.client.lossRate !== undefined;
  for (let second = 0; second < 10; second++) {
    const [atClient, atHost] = pair.paths;
    if (atClient === atHost && (atClient === "direct" || !promised)) return undefined;
    if (rough && pair.reasons.includes("direct-lossy")) return undefined;
    pair.pass(1000);
  }
  const [atClient, atHost] = pair.paths;
  return `${atClient} at the client, ${atHost} at the host${promised ? ", although direct is promised" : ""}: ${pair.reasons.join(", ")}`;
}

/** What the two ends got of each other: each datagram at most once, unaltered, and nothing else. */
function disturbed(pair: Pair): string | undefined {
  const sent = new Set([...Array.from({ length: datagrams }, (_, index) => String(index)), "early"]);
  for (const texts of [pair.requests, pair.replies]) {
    const seen = new Set<string>();
    for (const { text } of texts) {
      if (!sent.has(text)) return `"${text}" was never sent`;
      if (seen.has(text)) return `"${text}" came twice`;
      seen.add(text);
    }
  }
  return undefined;
}

/** Ten minutes after the client went without a word, nothing of it is left. */
function leftovers(pair: Pair): string | undefined {
  pair.client.stop();
  pair.pass(11 * 60_000);
  const { channels, introductions } = pair.serverSizes ?? {};
  if (pair.hostEvents("closed").length === 0) return "the host never forgot the session";
  return channels || introductions ? `${channels} channels and ${introductions} introductions are left` : undefined;
}

function suffer(pair: Pair, misfortune: Misfortune, client: Router | undefined, host: Router | undefined): void {
  const { world } = pair;
  world.after(misfortuneAtMs, () => {
    if (misfortune === "cut") world.cut(pair.client, pair.host);
    if (misfortune === "server restart") pair.startServer();
    if (misfortune === "client's router reboots") client?.reboot();
    if (misfortune === "host's router reboots") host?.reboot();
  });
  if (misfortune === "cut") world.after(misfortuneAtMs + misfortuneMs, () => world.heal(pair.client, pair.host));
}

function describe({ clientNat, hostNat, client, host, serverDelayMs, misfortune, early }: Draw): string {
  const ends = `client: ${clientNat}, ${lineText(client)}; host: ${hostNat}, ${lineText(host)}; server: ${serverDelayMs} ms`;
  return `${ends}; ${misfortune}${early ? "; early data" : ""}`;
}

function lineText({ delayMs, lossRate = 0 }: LineOptions): string {
  return `${delayMs} ms, ${(lossRate * 100).toFixed(1)} % lost`;
}
