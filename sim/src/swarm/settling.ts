/** What a swarm's world has to come to once nothing befalls it any more: every session works, and both ends agree on its path. */
import { isLossy } from "./draw.ts";
import { promisesDirect } from "./promise.ts";
import type { Scene } from "./scene.ts";

/** While a path is looked for, applications send so often. */
const beatMs = 250;
const settleMs = 40_000;
/** Over lossy lines chance may spoil a round or two. */
const lossySettleMs = 90_000;

/** Lets time pass until everything is well; says what is not, when it takes too long. */
export function settle(scene: Scene): string | undefined {
  const { world, draw, clients } = scene;
  const lossy = isLossy(draw);
  const deadlineMs = world.now + (lossy ? lossySettleMs : settleMs);
  const starts = clients.map((_, index) => scene.ledger.progress(index).next);
  for (;;) {
    const faults = starts.map((start, index) => unsettled(scene, index, start, lossy));
    const fault = faults.find((each) => each !== undefined);
    if (fault === undefined) return undefined;
    if (world.now >= deadlineMs)
      return `${fault} ${(deadlineMs - world.now + (lossy ? lossySettleMs : settleMs)) / 1000} s after all was well again`;
    scene.send();
    world.run(world.now + beatMs);
  }
}

/** What is still wrong with a client's session; `start`: its first request that has to be answered. */
function unsettled(scene: Scene, client: number, start: number, lossy: boolean): string | undefined {
  if (scene.ledger.progress(client).lastAnswered < start) return `client ${client}'s session is dead`;
  const { here, there } = scene.statusOf(client);
  const [atClient, atHost] = [here?.path?.kind, there?.path?.kind];
  const words = `client ${client} is ${atClient} at its end (${here?.reason}), ${atHost} at the host's (${there?.reason})`;
  // Each end judges by its own probes, so by chance one may find the direct path bad, and the other not.
  if (lossy && [here?.reason, there?.reason].includes("direct-lossy")) return undefined;
  if (atClient !== atHost) return words;
  const home = scene.clientHomes[client];
  const promised = home !== undefined && promisesDirect(home, scene.hostHome);
  return promised && atClient !== "direct" ? `${words}, and direct was promised,` : undefined;
}
