/** What hosts, clients and TURN's clients ask: CPU time for each, and how soon a client's question is at the host. */
import { type Contenders, withContenders } from "./contenders.ts";
import type { Figure } from "./figures.ts";
import type { Route, Run } from "./load/spec.ts";
import { latencyOf, medianOf, type Results, ratioOf, runLoad } from "./load-runs.ts";

const times = { rounds: 9, warmMs: 150, measureMs: 400 };
/** Each has a socket. In a round each asks five times. */
const hosts = 400;
/** Of one user, whom our server lets have 256. */
const allocations = 200;
/** A server runs for months, and V8 has compiled all for good only after some thousands of questions of a kind. */
const warmRounds = { hosts: 4, allocations: 20 };
/** As `Figure.spentOn`; in microseconds, of profiles of the server and of its machine alone. */
const spentOn = {
  refresh:
    "5 for a datagram in and one out, as the bare echo among as many sources; two HMACs 3; tables and messages 3",
  introduction:
    "the server's machine 30 to 40, of which are five HMACs 11, channels and rules that are made and ended again 9, the collector 5 and as much again in its own threads, CRCs 3, a new ticket's derivation 3; besides that three datagrams of 1,600 bytes in all, and a line of the log 3",
  millionHosts:
    "three fifths are what the bare echo takes for as many datagrams of as many sources: each has a destination of its own, so none are gathered; the rest is that of refreshes",
  allocate:
    "eleven digests 8 to 10; calls for the relay's socket 10 to 15; the collector 5; messages, tables and deadlines the rest",
};
const millionHosts = { bindingsPerSecond: 1e6 / 20, refreshesPerSecond: 1e6 / 60 };

export async function controlFigures(folder: string): Promise<Figure[]> {
  return await withContenders(folder, async (contenders) => [
    ...(await hostFigures(contenders)),
    ...(await allocateFigures(contenders)),
  ]);
}

async function hostFigures({ ours: { pid, port, served }, echo }: Contenders): Promise<Figure[]> {
  const run = (name: Route["kind"] & ("refresh" | "introduction" | "binding"), perSecond?: number): Run => {
    const route = { kind: name, port, credentials: served.mint(name) };
    return { name, pid, route, flows: hosts, payloadBytes: 0, burst: 1, ...(perSecond !== undefined && { perSecond }) };
  };
  const echoes = {
    ...run("binding"),
    name: "echo",
    pid: echo.pid,
    route: { kind: "binding", port: echo.port },
  } as const;
  const runs = [run("refresh"), run("introduction"), run("binding"), echoes];
  const saturated = await runLoad({ runs, ...times }, warmRounds.hosts);
  const micros = (name: string): number => medianOf(saturated, name, "micros");
  const half = await runLoad(
    { runs: [run("introduction", Math.round(5e5 / micros("introduction")))], ...times },
    warmRounds.hosts,
  );
  const { bindingsPerSecond, refreshesPerSecond } = millionHosts;
  const share = (bindingsPerSecond * micros("binding") + refreshesPerSecond * micros("refresh")) / 1e6;
  const bareShare = ((bindingsPerSecond + refreshesPerSecond) * micros("echo")) / 1e6;
  return [
    { name: "a refresh: CPU time", value: micros("refresh"), unit: "us", atMost: 12, spentOn: spentOn.refresh },
    { name: "refreshes on one core", value: 1e3 / micros("refresh"), unit: "k/s" },
    {
      name: "an introduction: CPU time",
      value: micros("introduction"),
      unit: "us",
      atMost: 25,
      spentOn: spentOn.introduction,
    },
    { name: "introductions on one core", value: 1e3 / micros("introduction"), unit: "k/s" },
    { name: "introductions without an answer", value: 100 * medianOf(saturated, "introduction", "lost"), unit: "%" },
    { name: "Connect to Introduce at half load, p50", value: latencyOf(half, "introduction", "p50"), unit: "us" },
    { name: "Connect to Introduce at half load, p99", value: latencyOf(half, "introduction", "p99"), unit: "us" },
    { name: "a Binding among 400 sources: CPU time", value: micros("binding"), unit: "us" },
    { name: "the bare echo among 400 sources: CPU time", value: micros("echo"), unit: "us" },
    {
      name: "1 M hosts' Bindings and refreshes, of one core",
      value: 100 * share,
      unit: "%",
      atMost: 40,
      spentOn: spentOn.millionHosts,
    },
    { name: "as many echoed bare, of one core", value: 100 * bareShare, unit: "%" },
  ];
}

async function allocateFigures({ ours, coturn }: Contenders): Promise<Figure[]> {
  const runs = (name: string, { pid, port, credentials }: typeof ours | NonNullable<typeof coturn>): Run[] =>
    (["challenge", "allocate"] as const).map((kind) => ({
      name: `${name}: ${kind}`,
      pid,
      route: { kind, port, credentials },
      flows: allocations,
      payloadBytes: 0,
      burst: 1,
    }));
  const all = [...runs("ours", ours), ...(coturn ? runs("coturn", coturn) : [])];
  const results = await runLoad({ runs: all, ...times }, warmRounds.allocations);
  const both = (name: string): number =>
    medianOf(results, `${name}: challenge`, "micros") + medianOf(results, `${name}: allocate`, "micros");
  const figures: Figure[] = [
    {
      name: "an Allocate with its 401: CPU time",
      value: both("ours"),
      unit: "us",
      atMost: 60,
      spentOn: spentOn.allocate,
    },
  ];
  if (coturn !== undefined) figures.push(...coturnFigures(results, both("coturn")));
  return figures;
}

function coturnFigures(results: Results, micros: number): Figure[] {
  return [
    { name: "an Allocate with its 401: CPU time of coturn", value: micros, unit: "us" },
    {
      name: "an Allocate's second request, of coturn's",
      ...ratioOf(results, "ours: allocate", "coturn: allocate"),
      unit: "x",
    },
  ];
}
