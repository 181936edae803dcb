/** Random worlds, from seeds: runs one, and says what is wrong with it. */
import type { DatagramEntry } from "../datagram-log.ts";
import { describe } from "./description.ts";
import { type Draw, drawOf, isLossy, isReordered, isTroubled } from "./draw.ts";
import { LargePackets } from "./large-packets.ts";
import { leftovers } from "./leftovers.ts";
import { suffer } from "./misfortunes.ts";
import { commonMtu, fill, isFillTroubled } from "./mtu-draw.ts";
import { Observer } from "./observer.ts";
import { Scene } from "./scene.ts";
import { settle } from "./settling.ts";
import { blockUdp } from "./udp-block.ts";

/** The longest that a datagram of a calm world takes to the host and back. */
const echoMs = 2000;
const datagramsAfterPause = 3;

export interface SeedRun {
  /** What is wrong; `undefined` when all is well. */
  readonly fault: string | undefined;
  /** The world in one line, so that a scenario can be written from it. */
  readonly world: string;
  /** Every datagram, if that was asked for. */
  readonly log: readonly DatagramEntry[];
}

/** Runs the world of a seed, a whole number. The same number is the same world, as long as this folder is the same. */
export function runSeed(seed: number, log: boolean = false): SeedRun {
  const draw = drawOf(seed);
  const world = describe(draw);
  const scene = new Scene(draw, log);
  try {
    return { fault: faultOf(scene), world, log: scene.world.log };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error), world, log: scene.world.log };
  }
}

function faultOf(scene: Scene): string | undefined {
  const { draw } = scene;
  scene.world.watch(new LargePackets(scene));
  const observer = draw.observed ? new Observer(scene) : undefined;
  scene.begin();
  stream(scene, observer);
  const unsettled = settle(scene) ?? died(scene);
  if (unsettled) return unsettled;
  if (draw.pauseMs > 0) {
    const fault = pause(scene);
    if (fault) return fault;
  }
  if (draw.mtu.fills) {
    const fault = filled(scene);
    if (fault) return fault;
  }
  observer?.replayAll();
  scene.world.run(scene.world.now + (isCalm(draw) ? echoMs : 0));
  return (isCalm(draw) ? (scene.ledger.missing ?? needless(scene)) : undefined) ?? died(scene) ?? leftovers(scene);
}

/** The applications send, as long as misfortunes last. */
function stream(scene: Scene, observer: Observer | undefined): void {
  const { world, draw } = scene;
  const overAtMs = Math.max(suffer(scene), draw.udpBlock?.fromMs === undefined ? 0 : blockUdp(scene));
  observer?.begin(draw.datagrams * draw.everyMs);
  for (let i = 0; i < draw.datagrams; i++) {
    scene.send();
    world.run(world.now + draw.everyMs);
  }
  while (world.now < overAtMs) {
    world.run(world.now + 200);
    scene.send();
  }
}

/** The application is silent; then it sends again, and all is as it was. */
function pause(scene: Scene): string | undefined {
  const { world, draw } = scene;
  world.run(world.now + draw.pauseMs);
  for (let i = 0; i < datagramsAfterPause; i++) {
    scene.send();
    world.run(world.now + 100);
  }
  return settle(scene);
}

/** The applications send as much as they can, and what no line loses comes; then datagrams of that size are answered. */
function filled(scene: Scene): string | undefined {
  fill(scene);
  const { draw, clients, clientHomes, hostHome } = scene;
  if (!isCalm(draw)) return settle(scene);
  for (const [index, home] of clientHomes.entries()) {
    const { here, there } = scene.limitsOf(index);
    const paths = Object.values(scene.statusOf(index)).map((status) => status?.path?.kind);
    const isDirect = paths.every((kind) => kind === "direct");
    if (isDirect && commonMtu(home, hostHome) >= 1500 && Math.min(here, there) < 1400)
      return `${clients[index]?.name} can send ${here} bytes, and the host ${there} to it, where 1,500 pass`;
  }
  return settle(scene);
}

/** Nothing befalls it, and no line loses anything: nor do its ends, then. */
function isCalm(draw: Draw): boolean {
  if (isTroubled(draw) || isLossy(draw) || isFillTroubled(draw.mtu)) return false;
  // The reply to early data may overtake the message that has the keys to it; and where the way to the server is the
  // longer one, large replies reach it before the requests that a client without proof has its credit from.
  const early = draw.early && isReordered(draw);
  return !early && !(draw.detour?.to === "server" && draw.sizes !== "small");
}

/** No session has ended while both ends were there. */
function died(scene: Scene): string | undefined {
  const { clients, draw, pair } = scene;
  for (const { name, events } of clients) {
    const end = events.find(({ event }) => event.type === "closed")?.event;
    if (end) return `${name} ended: ${JSON.stringify(end)}`;
  }
  const restarted = draw.misfortunes.some(({ kind }) => kind === "the host restarts");
  const closed = pair.hostEvents("closed")[0]?.event;
  return closed && !restarted ? `the host ended session ${closed.session}: ${closed.reason}` : undefined;
}

/** A calm world's clients keep their sessions, and are introduced once, unless somebody forged the server's hints. */
function needless({ pair, clients, draw }: Scene): string | undefined {
  const sessions = pair.hostEvents("session").length;
  const introductions = pair.server.events.filter(({ event }) => event.type === "introduced").length;
  const isWell = sessions === clients.length && (introductions === clients.length || draw.observed);
  if (isWell) return undefined;
  return `${clients.length} clients were introduced ${introductions} times and had ${sessions} sessions, though nothing befell them`;
}
