import { fileURLToPath } from "node:url";
import { type LabProcess, type ProcessEvent, textIn } from "./process.ts";

const program = fileURLToPath(new URL("./udp-program.js", import.meta.url));

export interface OpenOptions {
  /** Sends back each datagram to where it came from. */
  readonly echo?: boolean;
}

/** Plain UDP sockets of one process. Addresses are texts: "192.0.2.1:7000", "[2001:db8::1]:7000". */
export class UdpProbe {
  readonly #process: LabProcess;

  constructor(start: (program: string, args: readonly string[]) => LabProcess) {
    this.#process = start(process.execPath, [program]);
  }

  /** Binds a socket; returns its address, with the port it got where 0 was asked for. */
  async open(address: string, { echo = false }: OpenOptions = {}): Promise<string> {
    this.#process.tell({ open: address, echo });
    return textIn(await this.#process.next(({ event }) => event === "opened"), "local");
  }

  send(text: string, from: string, to: string): void {
    this.#process.tell({ send: text, from, to });
  }

  /** Waits for a datagram with this text at a socket; returns the address that it came from. */
  async received(text: string, local: string): Promise<string> {
    const event = await this.#process.next((candidate) => isDatagram(candidate, text, local));
    return textIn(event, "remote");
  }

  /** Texts of all datagrams up to now. */
  texts(): string[] {
    return this.#process.events.filter(({ event }) => event === "received").map((event) => textIn(event, "text"));
  }
}

function isDatagram(event: ProcessEvent, text: string, local: string): boolean {
  return event.event === "received" && event.fields["text"] === text && event.fields["local"] === local;
}
