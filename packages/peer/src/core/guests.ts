/** The sessions of a host: by number, by the channel they are relayed over, and by the invite they came with. */
import { asciiText, type SealedHeader } from "@fractal-punch/wire";
import type { RelayedRoute } from "./route.ts";
import type { Session } from "./session.ts";

/** How many of a session's introductions are remembered: the latest, and a few that it overtook. */
const maxIntroductions = 8;

/** A session as its host keeps it. */
export interface Guest {
  readonly session: Session;
  readonly inviteId: Uint8Array;
  /** The Connects that brought the client here, the latest first; repeats of that come over other channels, too. */
  introductions: readonly string[];
  /** The packet of the resume that was sealed last, of those that came. */
  resume: SealedHeader | undefined;
  readonly channels: Set<string>;
}

export class Guests {
  readonly #byNumber = new Map<number, Guest>();
  readonly #byChannel = new Map<string, Guest>();

  get size(): number {
    return this.#byNumber.size;
  }

  all(): Iterable<Guest> {
    return this.#byNumber.values();
  }

  find(session: number): Guest | undefined {
    return this.#byNumber.get(session);
  }

  findByChannel(route: RelayedRoute): Guest | undefined {
    return this.#byChannel.get(channelKey(route));
  }

  add(session: Session, inviteId: Uint8Array): Guest {
    const guest = { session, inviteId, introductions: [], resume: undefined, channels: new Set<string>() };
    this.#byNumber.set(session.id, guest);
    return guest;
  }

  /** Whether it was this Connect that brought the client here last. */
  cameBy(guest: Guest, transactionId: Uint8Array): boolean {
    return guest.introductions[0] === asciiText(transactionId);
  }

  /** Whether a resume came late: the client has sealed another one since, for a newer Connect, and that was faster. */
  isOvertaken(guest: Guest, transactionId: Uint8Array, resume: SealedHeader): boolean {
    const age = guest.introductions.indexOf(asciiText(transactionId));
    const last = guest.resume;
    const isOlder = last !== undefined && last.index === resume.index && resume.counter < last.counter;
    if (!isOlder) guest.resume = resume;
    return age > 0 || (age < 0 && isOlder);
  }

  /**
   * Notes the relayed route of an introduction. One that only the client can have made, now, drops those of the one
   * before; a repeat (`isRepeat`) could be anybody's, so it only adds.
   */
  introduced(guest: Guest, transactionId: Uint8Array, relay: RelayedRoute, isRepeat: boolean): void {
    if (!isRepeat && !this.cameBy(guest, transactionId)) {
      guest.introductions = [asciiText(transactionId), ...guest.introductions].slice(0, maxIntroductions);
      this.#dropChannels(guest);
      guest.session.keeper.paths.drop((route) => route.kind === "relayed");
    }
    const key = channelKey(relay);
    this.#byChannel.get(key)?.channels.delete(key);
    this.#byChannel.set(key, guest);
    guest.channels.add(key);
  }

  remove(session: Session): void {
    const guest = this.#byNumber.get(session.id);
    if (!guest) return;
    this.#byNumber.delete(session.id);
    this.#dropChannels(guest);
  }

  #dropChannels(guest: Guest): void {
    for (const key of guest.channels) this.#byChannel.delete(key);
    guest.channels.clear();
  }
}

function channelKey({ port, channel }: RelayedRoute): string {
  return `${port} ${channel}`;
}
