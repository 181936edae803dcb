/** What happens to sessions in bad times, each against its bar. */
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { blockedSides, blockUdp, playBlocked } from "./blocked-scenes.ts";
import { offer, serve } from "./commands.ts";
import type { Lab } from "./lab.ts";
import { limitsOf, medianOf } from "./limits.ts";
import {
  bothMasqueraded,
  bothModelSymmetric,
  bothPortRestricted,
  type Delays,
  type Pair,
  type Placement,
} from "./pairs.ts";
import { type LabProcess, numberIn, textIn } from "./process.ts";
import { replyTimes, startReplies } from "./reply-times.ts";

const program = fileURLToPath(new URL("./stream-program.js", import.meta.url));
const datagramsASecond = 100;
const undisturbedMs = 1000;
const bothEnds = ["client", "host"] as const;
/** UDP is asked for every ten seconds at least, by both ends. */
const udpBackMs = 30_000;
/** Longer than any bar: what is to come back has come back. */
const afterwardsMs = 6000;

export interface SceneResult {
  readonly name: string;
  readonly seen: string;
  readonly bar: string;
  readonly holds: boolean;
}

export interface Scene {
  readonly name: string;
  readonly play: (lab: Lab, delays: Delays) => Promise<Omit<SceneResult, "name">>;
}

export const scenes: readonly Scene[] = [
  { name: "first replies between port-restricted cones, 5 % loss on every leg", play: playLoss },
  {
    name: "direct path cut under 100 datagrams a second",
    play: (lab, delays) =>
      playStream(lab, delays, bothPortRestricted, 1.2, "relayed", async ({ placement: { host, client } }) =>
        lab.topology.cut(host, client),
      ),
  },
  {
    name: "server killed and started again, direct path",
    play: (lab, delays) => playStream(lab, delays, bothPortRestricted, 0, "direct", restartServer),
  },
  {
    name: "server killed and started again, relayed path",
    play: (lab, delays) => playStream(lab, delays, bothModelSymmetric, 2, "relayed", restartServer),
  },
  ...blockedSides.map((side) => ({
    name: `first replies, ${side.name}`,
    play: (lab: Lab, delays: Delays) => playBlocked(lab, delays, side),
  })),
  {
    name: "UDP blocked on both sides under 100 datagrams a second",
    play: (lab, delays) =>
      playStream(lab, delays, bothMasqueraded, 3, "relayed", async ({ placement }) =>
        blockUdp(placement, bothEnds, true),
      ),
  },
  { name: "UDP blocked on both sides, and back in mid-session", play: playUdpBack },
];

async function playLoss(lab: Lab, delays: Delays): Promise<Omit<SceneResult, "name">> {
  const sessions = 20;
  const mostMs = 2000;
  const limitMs = 2 * limitsOf(bothPortRestricted, "direct", delays).reply;
  const { server, host, client } = await bothPortRestricted.place(lab.topology, delays);
  await serve(lab, server);
  const { invite } = await offer(lab, server, host);
  const replies = await startReplies(lab, client, invite);
  for (const node of [server, host, client]) await lab.topology.changeLine(node, { lossRate: 0.05 });
  const times = await replyTimes(replies, sessions);
  const [median, most] = [medianOf(times), Math.max(...times)];
  return {
    seen: `${median.toFixed(0)} ms median, ${most.toFixed(0)} ms at most`,
    bar: `${limitMs} ms, ${mostMs} ms`,
    holds: median <= limitMs && most <= mostMs,
  };
}

interface Streaming {
  readonly lab: Lab;
  readonly placement: Placement;
  readonly serving: LabProcess;
  readonly stream: LabProcess;
}

async function restartServer({ lab, placement, serving }: Streaming): Promise<void> {
  await serving.end("SIGKILL");
  await serve(lab, placement.server);
}

/** The session begins over TLS; when UDP passes again it becomes direct, and nothing is lost by that. */
async function playUdpBack(lab: Lab, delays: Delays): Promise<Omit<SceneResult, "name">> {
  const blocked: Pair = {
    ...bothMasqueraded,
    path: "relayed",
    place: async (topology, placed) => {
      const placement = await bothMasqueraded.place(topology, placed);
      blockUdp(placement, bothEnds, true);
      return placement;
    },
  };
  return await playStream(lab, delays, blocked, 0, "direct", async ({ placement, stream }) => {
    blockUdp(placement, bothEnds, false);
    await stream.next(({ event }) => event === "direct", udpBackMs);
  });
}

/** Disturbs a session with a stream in it; the stream is to go on over `path`, without loss in its last second. */
async function playStream(
  lab: Lab,
  delays: Delays,
  pair: Pair,
  mostSeconds: number,
  path: "direct" | "relayed",
  disturb: (streaming: Streaming) => Promise<void>,
): Promise<Omit<SceneResult, "name">> {
  const placement = await pair.place(lab.topology, delays);
  const serving = await serve(lab, placement.server);
  const { invite } = await offer(lab, placement.server, placement.host);
  const stream = lab.start(placement.client, process.execPath, [program, invite]);
  await stream.next(({ event }) => event === pair.path);
  await sleep(undisturbedMs);
  await disturb({ lab, placement, serving, stream });
  await sleep(afterwardsMs);
  stream.tell({});
  const end = await stream.next(({ event }) => event === "ended");
  const lost = numberIn(end, "lost");
  const isOver = numberIn(end, "lastLost") < numberIn(end, "sent") - datagramsASecond;
  const goesOn = isOver ? textIn(end, "path") : "nothing";
  return {
    seen: `${(lost / datagramsASecond).toFixed(2)} s lost, then ${goesOn}`,
    bar: `${mostSeconds} s, ${path}`,
    holds: lost <= mostSeconds * datagramsASecond && goesOn === path,
  };
}
