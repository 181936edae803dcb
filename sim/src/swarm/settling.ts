/** What a swarm's world has to come to once nothing befalls it any more: every session works, and both ends agree on its path. */
import { isLossy, isTroubled } from "./draw.ts";
import { promisesDirect } from "./promise.ts";
import type { Scene } from "./scene.ts";

/** While a path is looked for, applications send so often. */
const beatMs = 250;

/** How long a session may be dead, and how long its path may be another than promised. */
interface Limits {
  readonly deadMs: number;
  readonly pathMs: number;
}

/** Where nothing befell anybody, a round or two bring the direct path; it may be lossy for a while if much comes late. */
const calm: Limits = { deadMs: 6000, pathMs: 20_000 };
/** A peer notices another address within a keepalive; after the early packet clash it has one more fresh socket a minute. */
const troubled: Limits = { deadMs: 40_000, pathMs: 75_000 };
/** Chance may spoil several rounds. */
const lossy: Limits = { deadMs: 90_000, pathMs: 90_000 };

interface Wrong {
  readonly what: string;
  readonly limitMs: number;
}

/** Lets time pass until everything is well; says what is not, when it takes too long. */
export function settle(scene: Scene): string | undefined {
  const { world, draw, clients } = scene;
  const limits = isLossy(draw) ? lossy : isTroubled(draw) || draw.mtu.renumberedAfterMs !== undefined ? troubled : calm;
  const startedAtMs = world.now;
  const starts = clients.map((_, index) => scene.ledger.progress(index).next);
  for (;;) {
    const wrongs = starts.flatMap((start, index) => unsettled(scene, index, start, limits));
    if (wrongs.length === 0) return undefined;
    const late = wrongs.find(({ limitMs }) => world.now - startedAtMs >= limitMs);
    if (late) return `${late.what} ${late.limitMs / 1000} s after all was well again`;
    scene.send();
    world.run(world.now + beatMs);
  }
}

/** What is still wrong with a client's session; `start`: its first request that has to be answered. */
function unsettled(scene: Scene, client: number, start: number, { deadMs, pathMs }: Limits): Wrong[] {
  if (scene.ledger.progress(client).lastAnswered < start)
    return [{ what: `client ${client}'s session is dead`, limitMs: deadMs }];
  const what = pathFault(scene, client);
  return what === undefined ? [] : [{ what, limitMs: pathMs }];
}

function pathFault(scene: Scene, client: number): string | undefined {
  const { here, there } = scene.statusOf(client);
  const [atClient, atHost] = [here?.path?.kind, there?.path?.kind];
  // Each end judges by its own probes, so by chance one may find the direct path bad, and the other not.
  if (isLossy(scene.draw) && [here?.reason, there?.reason].includes("direct-lossy")) return undefined;
  const words = `client ${client} is ${atClient} at its end (${here?.reason}), ${atHost} at the host's (${there?.reason})`;
  if (atClient !== atHost) return words;
  const home = scene.clientHomes[client];
  const isPromised = home !== undefined && promisesDirect(home, scene.hostHome);
  return isPromised && atClient !== "direct" ? `${words}, and direct was promised,` : undefined;
}
