/** A server, and the machines of old programs around it. */
import { type Address, ipText } from "@fractal-punch/machine";
import {
  type BareCommand,
  type BareEvent,
  BareMachine,
  type LineOptions,
  type Node,
  Pair,
  type PairOptions,
  type Place,
  type RouterBehaviour,
  type World,
} from "@fractal-punch/sim";
import { endpoint } from "./attacker.ts";
import { type OldEvent, OldProgram, type OldProgramOptions } from "./old-program.ts";
import { type OldTcpOptions, OldTcpProgram } from "./old-tcp-program.ts";

type Started<Options> = Omit<Options, "world" | "node" | "server">;

export class ClassicScene {
  /** Its host and client are there for who wants them. */
  readonly pair: Pair;
  readonly world: World;
  readonly server: Address = endpoint("192.0.2.1:48800");

  /** The server runs from the start. */
  constructor(options: PairOptions = {}) {
    this.pair = new Pair(options);
    this.world = this.pair.world;
    this.pair.startServer();
  }

  /** The place of a machine behind a router of its own, and the address that others see. */
  behind(name: string, behaviour: RouterBehaviour, line: LineOptions): { place: Place; address: Address } {
    const router = this.world.nat(`old ${name}'s router`, behaviour, line);
    const [address] = router.addresses;
    if (address === undefined) throw new Error(`${name}'s router has no address of its own`);
    return { place: { behind: router }, address };
  }

  program(name: string, place: Place, options: Started<OldProgramOptions>): Node<never, OldEvent> {
    const machine = new OldProgram({ ...options, server: this.server });
    return this.world.node<never, OldEvent>(`old ${name}`, { ...place, machine });
  }

  tcpProgram(name: string, place: Place, options: Started<OldTcpOptions>): OldTcpProgram {
    const { world, server } = this;
    return new OldTcpProgram({ ...options, world, server, node: this.bare(name, place) });
  }

  /** A machine to be steered by hand, whose port number 1 is UDP's 7000. */
  bare(name: string, place: Place): Node<BareCommand, BareEvent> {
    const node = this.world.node<BareCommand, BareEvent>(`old ${name}`, { ...place, machine: new BareMachine() });
    node.command({ type: "open", port: 1, request: { family: 4, port: 7000 } });
    return node;
  }

  /** `node` sends the server a datagram from its port number 1. Without a delay on the way, all that follows follows now. */
  send(node: Node<BareCommand, BareEvent>, bytes: Uint8Array): void {
    node.command({ type: "send", port: 1, to: this.server, bytes });
    this.world.run(this.world.now);
  }

  /** How many requests wait at the server. */
  get waiting(): number {
    return this.pair.serverSizes?.classic ?? 0;
  }

  /** Everything of the classic protocols that the server still has. */
  get leftovers(): Record<string, number | undefined> {
    const { server, serverSizes } = this.pair;
    return {
      entries: serverSizes?.classic,
      streams: serverSizes?.streams,
      connections: server.openStreams,
      wakesAt: server.nextWake(),
    };
  }
}

export const nothingLeft: ClassicScene["leftovers"] = { entries: 0, streams: 0, connections: 0, wakesAt: Infinity };

/** What a machine received by UDP. */
export function receivedBy(node: Node<BareCommand, BareEvent>): Uint8Array[] {
  return node.events.flatMap(({ event }) => (event.type === "received" ? [event.bytes] : []));
}

/** The IP addresses of those that an old program met. */
export function metBy(node: Node<never, OldEvent>): string[] {
  return node.events.flatMap(({ event }) => (event.type === "met" ? [ipText(event.peer)] : []));
}
