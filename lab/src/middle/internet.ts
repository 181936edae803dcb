/** The simulator's internet with real packets: TUN devices are its nodes, and its time is this process's. */
import {
  type Line,
  type LineOptions,
  Prng,
  type Router,
  type RouterBehaviour,
  ruleKey,
  Topology,
  Traffic,
} from "@fractal-punch/sim/internet";
import type { MiddleCommand } from "./commands.ts";
import { Station } from "./station.ts";
import type { TunDevice } from "./tun-device.ts";

export class Internet {
  readonly #openDevice: () => TunDevice;
  readonly #traffic = new Traffic(false);
  readonly #topology: Topology;
  readonly #stations = new Map<string, Station>();
  readonly #routers = new Map<string, Router>();
  readonly #lines = new Map<string, Line>();
  #skippedMs = 0;

  /** `seed` is for what links lose and for the ports that NATs draw. */
  constructor(openDevice: () => TunDevice, seed: number) {
    this.#openDevice = openDevice;
    this.#topology = new Topology(this.#traffic, new Prng(seed));
  }

  get stations(): Iterable<Station> {
    return this.#stations.values();
  }

  /** When something is due next, on the clock that `run` is told; `Infinity` when nothing is under way. */
  nextAt(): number {
    return this.#traffic.queue.nextAt() - this.#skippedMs;
  }

  /** Lets everything happen that is due at `now`, in ms, which never goes back. */
  run(now: number): void {
    const { queue } = this.#traffic;
    const untilMs = now + this.#skippedMs;
    for (let at = queue.nextAt(); at <= untilMs; at = queue.nextAt()) {
      // A packet that is served late does not pass its lateness on to the next link.
      this.#traffic.now = Math.max(this.#traffic.now, at);
      queue.pop()?.happen();
    }
    this.#traffic.now = Math.max(this.#traffic.now, untilMs);
  }

  /** Obeys; a device's name for a node. Throws when it cannot, with a sentence. */
  command(command: MiddleCommand): string | undefined {
    switch (command.type) {
      case "node":
        return this.#addNode(command.name, command.addresses, command.line, command.behind);
      case "router":
        return this.#addRouter(command.name, command.behaviour, command.addresses, command.line);
      case "line":
        this.#line(command.name).change(command.line);
        return undefined;
      case "cut":
        for (const key of this.#ruleKeys(command.a, command.b)) this.#traffic.rules.set(key, "cut");
        return undefined;
      case "heal":
        for (const key of this.#ruleKeys(command.a, command.b)) this.#traffic.rules.delete(key);
        return undefined;
      case "skip":
        this.#skippedMs += command.ms;
        return undefined;
    }
  }

  #addNode(name: string, address: readonly string[], line: LineOptions, behind: string | undefined): string {
    const station = new Station(name, this.#openDevice(), this.#traffic);
    const interfaces = this.#topology.join(station, {
      ...line,
      address,
      ...(behind !== undefined && { behind: this.#router(behind) }),
    });
    station.attach(interfaces);
    const [first] = interfaces;
    if (first !== undefined && behind === undefined) this.#lines.set(name, first.line);
    this.#stations.set(name, station);
    return station.device.name;
  }

  #addRouter(name: string, behaviour: RouterBehaviour, address: readonly string[], line: LineOptions): undefined {
    const router = this.#topology.router(name, behaviour, { ...line, address });
    this.#routers.set(name, router);
    this.#lines.set(name, router.line);
  }

  #router(name: string): Router {
    const router = this.#routers.get(name);
    if (router === undefined) throw new Error(`there is no router ${name}`);
    return router;
  }

  #line(name: string): Line {
    const line = this.#lines.get(name);
    if (line === undefined) throw new Error(`nothing named ${name} has a line of its own`);
    return line;
  }

  #ruleKeys(a: string, b: string): string[] {
    const [first, second] = [this.#stations.get(a), this.#stations.get(b)];
    if (first === undefined || second === undefined) throw new Error(`there is no node ${first ? b : a}`);
    return [ruleKey(first, second), ruleKey(second, first)];
  }
}
