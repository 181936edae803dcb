import { removeLeftovers } from "./namespace.ts";
import { LabProcess } from "./process.ts";
import { type Machine, Topology } from "./topology.ts";
import { UdpProbe } from "./udp-probe.ts";

/** A topology and the programs that run in it. */
export class Lab {
  readonly topology: Topology = new Topology();
  readonly #processes: LabProcess[] = [];

  /** Starts a program on a machine; the lab ends it at the latest when it closes. */
  start(machine: Machine, program: string, args: readonly string[]): LabProcess {
    const process = new LabProcess(machine.namespace, program, args);
    this.#processes.push(process);
    return process;
  }

  probe(machine: Machine): UdpProbe {
    return new UdpProbe((program, args) => this.start(machine, program, args));
  }

  /** What all programs printed, for people to read. */
  transcript(): string {
    return [this.topology.middle, ...this.#processes].map((process) => process.transcript()).join("\n");
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.end("SIGKILL")));
    await this.topology.close();
  }
}

const stopSignals = ["SIGINT", "SIGTERM"] as const;

let leftoversRemoved = false;

/**
 * Does the work in a new lab and removes the lab, whatever happens, a signal too. A failure tells what the programs
 * printed.
 */
export async function withLab<T>(work: (lab: Lab) => Promise<T>): Promise<T> {
  if (!leftoversRemoved) removeLeftovers();
  leftoversRemoved = true;
  const lab = new Lab();
  const stop = (): void => void lab.close().finally(() => process.exit(130));
  for (const signal of stopSignals) process.on(signal, stop);
  try {
    return await work(lab);
  } catch (error) {
    if (error instanceof Error) error.message += `\n${lab.transcript()}`;
    throw error;
  } finally {
    for (const signal of stopSignals) process.off(signal, stop);
    await lab.close();
  }
}
