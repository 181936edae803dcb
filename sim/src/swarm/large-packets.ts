/**
 * Sees that what is larger than every path takes goes only where that size is proven: it throws when such a packet goes to
 * the server, may be fragmented, goes where none of its size has come through more often than probes do, or is lost for
 * its size again and again.
 */
import { addressText } from "@fractal-punch/machine";
import { maxPayloadBytes } from "@fractal-punch/wire";
import type { Datagram } from "../datagram.ts";
import type { DropReason } from "../datagram-log.ts";
import type { Watcher } from "../traffic.ts";
import type { Scene } from "./scene.ts";

/** Probes leave beside a path's own, which are further apart. */
const probeGapMs = 250;
/** So long a size may be lost that came through before: by then its sender has found out, however long the round trip. */
const holeMs = 8000;
/** Probes of a size that does not pass: three in each search, which begins anew when a path was in doubt. */
const maxLost = 24;

/** From one socket to one address. */
interface Way {
  readonly text: string;
  /** The largest that has come through. */
  passedBytes: number;
  /** When one was sent last that was larger. */
  probedAtMs: number;
  /** Since when packets are lost of a size that came through before. */
  lostFromMs: number | undefined;
  lost: number;
}

export class LargePackets implements Watcher {
  readonly #scene: Scene;
  readonly #servers: ReadonlySet<unknown>;
  readonly #sentBy: WeakMap<Datagram, Way> = new WeakMap();
  readonly #ways: Map<string, Way> = new Map();

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#servers = new Set(scene.pair.server.addresses.map(({ ip }) => ip));
  }

  sent(datagram: Datagram): void {
    const { origin, target, bytes, transport } = datagram;
    if (bytes.length <= maxPayloadBytes || transport !== "udp" || origin.name === "forger") return;
    const way = this.#wayOf(datagram);
    if (this.#servers.has(target.ip)) throw faultOf(way, datagram, "which is the server");
    if (!datagram.dontFragment) throw faultOf(way, datagram, "and they may be fragmented");
    this.#sentBy.set(datagram, way);
    if (bytes.length <= way.passedBytes) return;
    const { now } = this.#scene.world;
    if (now - way.probedAtMs < probeGapMs) throw faultOf(way, datagram, "where nothing so large has come through");
    way.probedAtMs = now;
  }

  delivered(datagram: Datagram): void {
    const way = this.#sentBy.get(datagram.sent);
    if (way === undefined) return;
    way.passedBytes = Math.max(way.passedBytes, datagram.bytes.length);
    way.lostFromMs = undefined;
  }

  dropped(datagram: Datagram, why: DropReason): void {
    const way = this.#sentBy.get(datagram.sent);
    if (way === undefined || why !== "too-large") return;
    const { now } = this.#scene.world;
    if (datagram.bytes.length <= way.passedBytes) way.lostFromMs ??= now;
    if (way.lostFromMs !== undefined && now - way.lostFromMs <= holeMs) return;
    if (++way.lost > maxLost) throw faultOf(way, datagram, "time and again, though they do not pass");
  }

  #wayOf({ origin, source, target }: Datagram): Way {
    const text = `${origin.name}, from port ${source.port} to ${addressText(target)}`;
    const known = this.#ways.get(text);
    if (known !== undefined) return known;
    const way: Way = { text, passedBytes: maxPayloadBytes, probedAtMs: -Infinity, lostFromMs: undefined, lost: 0 };
    this.#ways.set(text, way);
    return way;
  }
}

function faultOf(way: Way, { bytes }: Datagram, what: string): Error {
  return new Error(`${way.text}, sends ${bytes.length} bytes, ${what}`);
}
