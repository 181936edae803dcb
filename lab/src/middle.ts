import { fileURLToPath } from "node:url";
import type { LineOptions } from "@fractal-punch/sim/internet";
import type { MiddleCommand } from "./middle/commands.ts";
import { closeNamespace, configureLinks, type Namespace, openNamespace } from "./namespace.ts";
import { LabProcess, textIn } from "./process.ts";

const program = fileURLToPath(new URL("./middle-program.js", import.meta.url));

/**
 * The middle of a lab's internet: a process in a namespace of its own that carries all datagrams between the machines'
 * TUN devices, over the simulator's links and through its NATs.
 */
export class Middle {
  readonly #namespace: Namespace = openNamespace("middle");
  readonly #process: LabProcess = new LabProcess(this.#namespace, process.execPath, ["--single-threaded-gc", program]);
  #last: Promise<unknown> = Promise.resolve();

  /** Gives `namespace` a device of that name, which is its way to `addresses`' networks and to all others. */
  async addNode(
    namespace: Namespace,
    device: string,
    addresses: readonly string[],
    line: LineOptions,
    behind?: string,
  ): Promise<void> {
    const { name } = namespace;
    const made = await this.tell({ type: "node", name, addresses, line, ...(behind !== undefined && { behind }) });
    configureLinks(this.#namespace, [`link set ${made} netns ${name} name ${device}`]);
    configureLinks(namespace, [`link set ${device} mtu 1500 txqueuelen 2000 up`, ...addressLines(device, addresses)]);
  }

  /** Fulfilled when the middle has obeyed, with the device's name for a node; rejects when it cannot. */
  async tell(command: MiddleCommand): Promise<string | undefined> {
    // Answers come in the order of the commands and carry no names: one at a time.
    const turn = this.#last.then(() => this.#ask(command));
    this.#last = turn.catch(() => undefined);
    return await turn;
  }

  transcript(): string {
    return this.#process.transcript();
  }

  async close(): Promise<void> {
    await this.#process.end("SIGKILL");
    closeNamespace(this.#namespace);
  }

  async #ask(command: MiddleCommand): Promise<string | undefined> {
    this.#process.tell(command);
    const answer = await this.#process.next(() => true);
    if (answer.event !== "done") throw new Error(`${command.type}: ${textIn(answer, "reason")}`);
    return typeof answer.fields["device"] === "string" ? answer.fields["device"] : undefined;
  }
}

function addressLines(device: string, addresses: readonly string[]): string[] {
  const v4 = addresses.filter((ip) => !ip.includes(":"));
  const v6 = addresses.filter((ip) => ip.includes(":"));
  return [
    ...v4.map((ip) => `addr add ${ip}/24 dev ${device}`),
    ...v6.map((ip) => `addr add ${ip}/64 dev ${device} nodad`),
    ...(v4.length > 0 ? [`route add 0.0.0.0/0 dev ${device}`] : []),
    ...(v6.length > 0 ? [`route add ::/0 dev ${device}`] : []),
  ];
}
