/** What a datagram costs our server, coturn, and a bare program of the same driver, which is this machine's limit. */

import { type Contenders, withContenders } from "./contenders.ts";
import type { Figure } from "./figures.ts";
import { addedLatencyFigures, answerLatencyFigures } from "./latency-figures.ts";
import type { Route, Run } from "./load/spec.ts";
import { medianOf, type Results, ratioOf, runLoad } from "./load-runs.ts";

/** Many short rounds: what else the machine does comes and goes. */
const times = { rounds: 5, warmMs: 150, measureMs: 400 };

interface Scene {
  readonly what: string;
  readonly payloadBytes: number;
  readonly burst: number;
  readonly flows: number;
  /** Towards the peer, where it is not said; only TURN and coturn have the other. */
  readonly direction?: "in";
  /** Where the others would take too many sockets. */
  readonly only?: "sessions";
  readonly hasLatency?: true;
  /** So that none finds another to be taken along with; as many as the server can do, where it is not said. */
  readonly perSecond?: number;
  /** Bars of the ratios. */
  readonly toCoturn?: number;
  readonly toBare?: number;
  /** As `Figure.spentOn`. */
  readonly spentOn?: string;
}

/** Of datagrams that come one by one. */
const isolated: Pick<Scene, "burst" | "flows" | "spentOn"> = {
  burst: 1,
  flows: 1,
  spentOn:
    "nine tenths in recvmmsg and sendmmsg, as the bare program's; a tenth to look at each datagram, pay for it and send it on or answer it",
};

const relayScenes: readonly Scene[] = [
  { ...isolated, what: "200 bytes", payloadBytes: 200, toCoturn: 0.9, toBare: 1.1 },
  { ...isolated, what: "1,200 bytes", payloadBytes: 1_200, toCoturn: 0.8, toBare: 1.1, hasLatency: true },
  { what: "1,200 bytes, 2,000 a second", payloadBytes: 1_200, burst: 1, flows: 1, perSecond: 2_000 },
  { what: "1,200 bytes to the client", payloadBytes: 1_200, burst: 1, flows: 1, direction: "in" },
  { what: "1,200 bytes, 16 flows in turns", payloadBytes: 1_200, burst: 1, flows: 16 },
  { what: "bursts of 8 x 1,200 bytes", payloadBytes: 1_200, burst: 8, flows: 1, toCoturn: 0.2 },
  {
    what: "bursts of 40 x 1,200 bytes",
    payloadBytes: 1_200,
    burst: 40,
    flows: 1,
    toCoturn: 0.1,
    hasLatency: true,
    spentOn:
      "four fifths in recvmmsg and sendmmsg, which the bare forwarder, at 0.09 x, does as well; to look at each datagram, pay for it and pass it on takes 0.07 us",
  },
  { what: "1,200 bytes, 10,000 sessions at once", payloadBytes: 1_200, burst: 1, flows: 10_000, only: "sessions" },
];
const bindingScene: Scene = { ...isolated, what: "a STUN Binding", payloadBytes: 0, toCoturn: 0.6, toBare: 1.1 };

export async function relayFigures(folder: string): Promise<Figure[]> {
  return await withContenders(folder, async (contenders) => {
    const figures = await bindingFigures(contenders);
    for (const scene of relayScenes) figures.push(...(await sceneFigures(contenders, scene)));
    return figures;
  });
}

async function bindingFigures({ ours, coturn, echo }: Contenders): Promise<Figure[]> {
  const run = (name: string, { pid, port }: { pid: number; port: number }): Run =>
    of(bindingScene, name, pid, { kind: "binding", port });
  const runs = [run("ours", ours), ...(coturn ? [run("coturn", coturn)] : []), run("bare echo", echo)];
  const saturated = await runLoad({ runs, ...times });
  const latency = await answerLatencyFigures(bindingScene.what, runs, saturated, times);
  return [...figuresOf(bindingScene, saturated, ["ours"], "bare echo"), ...latency];
}

async function sceneFigures(contenders: Contenders, scene: Scene): Promise<Figure[]> {
  const { isOurs, runs } = sceneRuns(contenders, scene);
  const saturated = await runLoad({ runs, ...times });
  const figures = figuresOf(scene, saturated, isOurs, "bare forwarder");
  if (scene.hasLatency !== true) return figures;
  // A burst takes its time however it is sent.
  const barred = scene.burst === 1 ? isOurs : [];
  return [...figures, ...(await addedLatencyFigures(scene.what, runs, saturated, times, barred))];
}

function sceneRuns({ ours, coturn, forwarder }: Contenders, scene: Scene): { isOurs: string[]; runs: Run[] } {
  const { direction = "out" } = scene;
  const turn = (name: string, { pid, port, credentials }: typeof ours | NonNullable<typeof coturn>): Run =>
    of(scene, name, pid, { kind: "turn", port, credentials, direction });
  const session: Route = { kind: "session", port: ours.port, credentials: ours.served.mint("load") };
  if (scene.only === "sessions")
    return { isOurs: ["ours, session"], runs: [of(scene, "ours, session", ours.pid, session)] };
  const runs = [turn("ours, TURN", ours), ...(coturn ? [turn("coturn", coturn)] : [])];
  if (direction === "in") return { isOurs: ["ours, TURN"], runs };
  runs.push(of(scene, "ours, session", ours.pid, session));
  runs.push(of(scene, "bare forwarder", forwarder.pid, { kind: "forwarder", port: forwarder.port }));
  return { isOurs: ["ours, TURN", "ours, session"], runs };
}

function of({ flows, payloadBytes, burst, perSecond }: Scene, name: string, pid: number, route: Route): Run {
  return { name, pid, route, flows, payloadBytes, burst, ...(perSecond !== undefined && { perSecond }) };
}

function figuresOf(scene: Scene, results: Results, ours: readonly string[], bare: string): Figure[] {
  const { what, toCoturn, toBare, spentOn } = scene;
  const figures: Figure[] = [];
  for (const name of results.keys()) {
    const add = (field: string, value: number, unit: string): void => {
      figures.push({ name: `${what}: ${name}: ${field}`, value, unit, cell: { row: what, column: name, field } });
    };
    const isPaced = scene.perSecond !== undefined;
    add(isPaced ? "CPU time when few come" : "CPU time", medianOf(results, name, "micros"), "us");
    if (!isPaced) add("rate", medianOf(results, name, "perSecond") / 1000, "k/s");
    add("lost", 100 * medianOf(results, name, "lost"), "%");
  }
  for (const name of ours) {
    const ratio = (other: string, bar: number | undefined): Figure => ({
      name: `${what}: ${name}: CPU time, of ${other}'s`,
      ...ratioOf(results, name, other),
      unit: "x",
      ...(bar !== undefined && { atMost: bar }),
      ...(spentOn !== undefined && { spentOn }),
    });
    if (results.has("coturn")) figures.push(ratio("coturn", toCoturn));
    if (results.has(bare)) figures.push(ratio(bare, toBare));
  }
  return figures;
}
