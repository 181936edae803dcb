/** What hosts and clients ask of our server: its CPU time for each, and how soon a client's question is at the host. */
import { join } from "node:path";
import { giveCore } from "./cores.ts";
import type { Figure } from "./figures.ts";
import type { Route, Run } from "./load/spec.ts";
import { latencyOf, medianOf, runLoad } from "./load-runs.ts";
import { startServer } from "./served.ts";

const times = { rounds: 7, warmMs: 150, measureMs: 400 };
/** Each has a socket. In a round each asks ten times. */
const hosts = 400;
const millionHosts = { bindingsPerSecond: 1e6 / 20, refreshesPerSecond: 1e6 / 60 };

export async function controlFigures(folder: string): Promise<Figure[]> {
  const served = await startServer(join(folder, "control"));
  try {
    giveCore(served.pid, "server");
    const run = (name: Route["kind"] & ("refresh" | "introduction" | "binding"), perSecond?: number): Run => ({
      name,
      pid: served.pid,
      route: { kind: name, port: served.port, credentials: served.mint(name) },
      flows: hosts,
      payloadBytes: 0,
      burst: 1,
      ...(perSecond !== undefined && { perSecond }),
    });
    const saturated = await runLoad({ runs: [run("refresh"), run("introduction"), run("binding")], ...times });
    const micros = (name: string): number => medianOf(saturated, name, "micros");
    const half = await runLoad({ runs: [run("introduction", Math.round(5e5 / micros("introduction")))], ...times });
    const { bindingsPerSecond, refreshesPerSecond } = millionHosts;
    const share = (bindingsPerSecond * micros("binding") + refreshesPerSecond * micros("refresh")) / 1e6;
    return [
      { name: "control: CPU time of a refresh", value: micros("refresh"), unit: "us", atMost: 12 },
      { name: "control: refreshes", value: 1e3 / micros("refresh"), unit: "k/s" },
      { name: "control: CPU time of an introduction", value: micros("introduction"), unit: "us", atMost: 25 },
      { name: "control: introductions", value: 1e3 / micros("introduction"), unit: "k/s" },
      { name: "Connect to Introduce at half load, p50", value: latencyOf(half, "introduction", "p50"), unit: "us" },
      { name: "Connect to Introduce at half load, p99", value: latencyOf(half, "introduction", "p99"), unit: "us" },
      { name: "control: CPU time of a Binding, 400 sources", value: micros("binding"), unit: "us" },
      { name: "control: 1 M hosts, of one core", value: 100 * share, unit: "%", atMost: 40 },
      { name: "control: unanswered", value: 100 * medianOf(saturated, "introduction", "lost"), unit: "%", atMost: 0 },
    ];
  } finally {
    await served.program.stop();
  }
}
