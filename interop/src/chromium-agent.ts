/** One page of Chromium with one RTCPeerConnection and its data channel. */
import type { Browser, JSHandle } from "playwright-core";

/** An entry of `iceServers`, as `ticket turn --json` prints it. */
export interface IceServer {
  readonly urls: readonly string[];
  readonly username: string;
  readonly credential: string;
}

export class ChromiumAgent {
  readonly #held: JSHandle<Held>;

  /** Made by `openAgent`. */
  constructor(held: JSHandle<Held>) {
    this.#held = held;
  }

  /** The SDP of its offer, or of its answer to one, without candidates. */
  async describe(offer?: string): Promise<string> {
    return await this.#held.evaluate(describeInPage, offer);
  }

  async accept(answer: string): Promise<void> {
    await this.#held.evaluate(acceptInPage, answer);
  }

  /** Its first candidate of that kind, once it has one. */
  async candidate(kind: RTCIceCandidateType): Promise<RTCIceCandidateInit> {
    return await this.#held.evaluate(candidateInPage, kind);
  }

  /** Takes a candidate of the other. */
  async add(candidate: RTCIceCandidateInit): Promise<void> {
    await this.#held.evaluate(addInPage, candidate);
  }

  /** Sends the messages, and waits until as many have come; gives how many of those are the same. */
  async exchange(messages: readonly string[]): Promise<number> {
    return await this.#held.evaluate(exchangeInPage, messages);
  }

  /** The kinds of the selected pair's candidates, and how a relay is spoken to: "relay by tcp/relay". */
  async pair(): Promise<string> {
    return await this.#held.evaluate(pairInPage);
  }
}

/** In a page of its own. */
export async function openAgent(
  browser: Browser,
  servers: readonly IceServer[],
  policy: RTCIceTransportPolicy,
): Promise<ChromiumAgent> {
  const page = await browser.newPage();
  return new ChromiumAgent(await page.evaluateHandle(holdInPage, { servers, policy }));
}

// What follows runs in the page, and sees nothing of this file.

interface Held {
  readonly connection: RTCPeerConnection;
  readonly channel: RTCDataChannel;
  readonly candidates: readonly RTCIceCandidate[];
  readonly received: readonly string[];
}

/** What is read of an entry of getStats. */
interface Stats {
  readonly selectedCandidatePairId?: string;
  readonly localCandidateId?: string;
  readonly remoteCandidateId?: string;
  readonly candidateType?: string;
  readonly relayProtocol?: string;
}

function holdInPage({ servers, policy }: { servers: readonly IceServer[]; policy: RTCIceTransportPolicy }): Held {
  const iceServers = servers.map((server) => ({ ...server, urls: [...server.urls] }));
  const connection = new RTCPeerConnection({ iceServers, iceTransportPolicy: policy });
  const channel = connection.createDataChannel("pair", { negotiated: true, id: 0 });
  const candidates: RTCIceCandidate[] = [];
  connection.addEventListener("icecandidate", ({ candidate }) => candidate && candidates.push(candidate));
  const received: string[] = [];
  channel.addEventListener("message", ({ data }) => received.push(String(data)));
  return { connection, channel, candidates, received };
}

async function describeInPage({ connection }: Held, offer: string | undefined): Promise<string> {
  if (offer !== undefined) await connection.setRemoteDescription({ type: "offer", sdp: offer });
  const description = await (offer === undefined ? connection.createOffer() : connection.createAnswer());
  await connection.setLocalDescription(description);
  return description.sdp ?? "";
}

async function acceptInPage({ connection }: Held, answer: string): Promise<void> {
  await connection.setRemoteDescription({ type: "answer", sdp: answer });
}

async function candidateInPage({ connection, candidates }: Held, kind: string): Promise<RTCIceCandidateInit> {
  for (;;) {
    const candidate = candidates.find(({ type }) => type === kind);
    if (candidate !== undefined) return candidate.toJSON();
    await new Promise((resolve) => connection.addEventListener("icecandidate", resolve, { once: true }));
  }
}

async function addInPage({ connection }: Held, candidate: RTCIceCandidateInit): Promise<void> {
  await connection.addIceCandidate(candidate);
}

async function exchangeInPage({ channel, received }: Held, messages: readonly string[]): Promise<number> {
  if (channel.readyState !== "open") await new Promise((resolve) => channel.addEventListener("open", resolve));
  for (const message of messages) channel.send(message);
  while (received.length < messages.length)
    await new Promise((resolve) => channel.addEventListener("message", resolve, { once: true }));
  return messages.filter((message, at) => message === received[at]).length;
}

async function pairInPage({ connection }: Held): Promise<string> {
  const stats = new Map<string, Stats>(await connection.getStats());
  const selected = [...stats.values()].find(({ selectedCandidatePairId }) => selectedCandidatePairId !== undefined);
  const pair = stats.get(selected?.selectedCandidatePairId ?? "");
  const local = stats.get(pair?.localCandidateId ?? "");
  const remote = stats.get(pair?.remoteCandidateId ?? "");
  const by = local?.relayProtocol === undefined ? "" : ` by ${local.relayProtocol}`;
  return `${local?.candidateType}${by}/${remote?.candidateType}`;
}
