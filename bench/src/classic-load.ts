/** Cloud computers of the classic protocol that post, and clients that ask for them, on loopback. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { ipText } from "@fractal-punch/machine";
import { writeU16, writeU32 } from "@fractal-punch/wire";
import { Load } from "./load.ts";
import { type LoadSocket, openSocket } from "./load-socket.ts";

/** How many requests the server has room for. */
export const entries = 100_000;
/** Longer than all of it takes, so that nobody has to post again. */
export const lifeMs = 600_000;

/** The server takes as many from one address. */
const postsEach = 16;
const firstIp = 0x7f01_0001;
const underWay = 32;
/** A prime. */
const stride = 7_919;

export class ClassicLoad {
  readonly #serverPort: number;
  readonly #waiting: number;
  readonly #client: LoadSocket;
  readonly #posters: Socket[] = [];
  readonly #bytes = new Uint8Array(12);

  /** Made by `openClassicLoad`. */
  constructor(serverPort: number, waiting: number, client: LoadSocket) {
    this.#serverPort = serverPort;
    this.#waiting = waiting;
    this.#client = client;
  }

  /** ASKs for all who wait in turn, never for neighbours in memory one after the other; rejects when one is not found, or not answered. */
  asking(count: number): Load {
    const load = new Load(count, underWay, (index) => this.#ask((index * stride) % this.#waiting));
    this.#client.receiver = (answer) => {
      if (answer[4] === 0 && answer[5] === 0) throw new Error("an ASK was not found");
      load.answered();
    };
    return load;
  }

  /** So many wait from then on: 16 services at each address. */
  async post(): Promise<void> {
    for (let first = 0; first < this.#waiting; first += postsEach) {
      const poster = createSocket("udp4");
      this.#posters.push(poster);
      poster.bind(0, ipText({ family: 4, ip: ipOf(first), port: 0 }));
      await once(poster, "listening");
      const last = Math.min(first + postsEach, this.#waiting) - 1;
      for (let index = first; index <= last; index++)
        poster.send(this.#request("post", index).slice(), this.#serverPort, "127.0.0.1");
      await this.#found(last);
    }
  }

  close(): void {
    this.#client.close();
    for (const poster of this.#posters) poster.close();
  }

  /** Asks until it is there: what is posted faster than the server reads would be lost. */
  #found(index: number): Promise<void> {
    return new Promise((resolve) => {
      this.#client.receiver = (answer) => {
        if (answer[4] === 0 && answer[5] === 0) this.#ask(index);
        else resolve();
      };
      this.#ask(index);
    });
  }

  #ask(index: number): void {
    this.#client.send(this.#request("ask", index));
  }

  #request(type: "ask" | "post", index: number): Uint8Array {
    this.#bytes[0] = type === "ask" ? 0 : 1;
    writeU32(this.#bytes, 4, ipOf(index));
    writeU16(this.#bytes, 10, 1 + (index % postsEach));
    return this.#bytes;
  }
}

export async function openClassicLoad(serverPort: number, waiting: number): Promise<ClassicLoad> {
  const load = new ClassicLoad(serverPort, waiting, await openSocket(serverPort));
  await load.post();
  return load;
}

function ipOf(index: number): number {
  return firstIp + Math.floor(index / postsEach);
}
