/** Makes the misfortunes of a draw happen, and end. */
import type { HomeDraw } from "./draw.ts";
import type { Home } from "./homes.ts";
import type { MisfortuneDraw, MisfortuneKind } from "./misfortune-draw.ts";
import type { Scene } from "./scene.ts";

interface Misfortune {
  begin(scene: Scene, draw: MisfortuneDraw): void;
  /** Absent for what is over as soon as it has happened. */
  end?(scene: Scene): void;
}

const stormLoss = 0.5;

const heal = ({ world, pair }: Scene): void => {
  for (const [a, b] of [
    [pair.client, pair.host],
    [pair.client, pair.server],
    [pair.host, pair.server],
  ] as const)
    world.heal(a, b);
};

const misfortunes: Record<MisfortuneKind, Misfortune> = {
  "client and host are cut off from each other": {
    begin: ({ world, pair }) => world.cut(pair.client, pair.host),
    end: heal,
  },
  "nothing passes from client to host": {
    begin: ({ world, pair }) => world.cutOneWay(pair.client, pair.host),
    end: heal,
  },
  "nothing passes from host to client": {
    begin: ({ world, pair }) => world.cutOneWay(pair.host, pair.client),
    end: heal,
  },
  "client and host lose half of what they send each other": {
    begin: ({ world, pair }) => world.impair(pair.client, pair.host, { lossRate: stormLoss }),
    end: heal,
  },
  "the client is cut off from the server": {
    begin: ({ world, pair }) => world.cut(pair.client, pair.server),
    end: heal,
  },
  "the host is cut off from the server": {
    begin: ({ world, pair }) => world.cut(pair.host, pair.server),
    end: heal,
  },
  "the server restarts without its state": { begin: ({ pair }) => pair.startServer() },
  "the server is away": {
    begin: ({ pair }) => pair.server.stop(),
    end: ({ pair }) => pair.startServer(),
  },
  "the client's routers forget": { begin: (scene) => reboot(scene.clientHomes[0]) },
  "the host's routers forget": { begin: ({ hostHome }) => reboot(hostHome) },
  "the client's router gets another address": { begin: (scene) => renumber(scene, scene.clientHomes[0]) },
  "the host's router gets another address": { begin: (scene) => renumber(scene, scene.hostHome) },
  "the client moves": {
    begin: (scene, { home }) => {
      const { pair, homes } = scene;
      const built = homes.build(within(home, scene.clientHomes[0]));
      scene.clientHomes[0] = built;
      pair.move(pair.client, { behind: built.behind });
    },
  },
  "the host moves": {
    begin: (scene, { home }) => {
      const { pair, homes } = scene;
      scene.hostHome = homes.build({ ...home, families: scene.hostHome.draw.families });
      pair.move(pair.host, { behind: scene.hostHome.behind });
    },
  },
  "the client sleeps": {
    begin: (scene) => scene.sleep(scene.pair.client),
    end: (scene) => scene.awake(scene.pair.client),
  },
  "the host sleeps": { begin: (scene) => scene.sleep(scene.pair.host), end: (scene) => scene.awake(scene.pair.host) },
  "the client's clock jumps": { begin: ({ pair }, { shiftMs }) => pair.client.shiftClock(shiftMs) },
  "the host's clock jumps": { begin: ({ pair }, { shiftMs }) => pair.host.shiftClock(shiftMs) },
  "the host restarts": { begin: (scene) => scene.restartHost() },
};

/** Lets the misfortunes come from now on; gives the time by which all are over. */
export function suffer(scene: Scene): number {
  const { world, draw } = scene;
  let overAtMs = world.now;
  for (const misfortune of draw.misfortunes) {
    const kind = misfortunes[misfortune.kind];
    const endsMs = misfortune.atMs + (kind.end ? misfortune.forMs : 0);
    world.after(misfortune.atMs, () => kind.begin(scene, misfortune));
    world.after(endsMs, () => kind.end?.(scene));
    overAtMs = Math.max(overAtMs, world.now + endsMs);
  }
  return overAtMs;
}

function reboot(home: Home | undefined): void {
  for (const router of home?.routers ?? []) router.reboot();
}

export function renumber({ homes }: Scene, home: Home | undefined): void {
  if (home?.outermost) homes.renumber(home.outermost);
}

/** It keeps an address family that it has a socket of. */
function within(home: HomeDraw, before: Home | undefined): HomeDraw {
  const { families } = before?.draw ?? home;
  return families === "46" ? home : { ...home, families };
}
