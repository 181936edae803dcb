import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import {
  type Address,
  addressFromText,
  type DatagramInfo,
  type DriverCommand,
  type Machine,
  type Outbox,
  type PortId,
} from "@fractal-punch/machine";
import { Driver, type DriverOptions, type TlsIdentity } from "@fractal-punch/udp";
import { makeCertificate } from "./test-certificates.ts";

export const loopback4: Address = address("127.0.0.1:0");
export const loopback6: Address = address("[::1]:0");
export const hasIp6: boolean = Object.values(networkInterfaces()).some((list) =>
  list?.some((entry) => entry.address === "::1"),
);

const identity = makeCertificate("driver.example");

export type Act = { readonly type: "act"; readonly act: (out: Outbox<TestEvent>, now: number) => void };
export type TestEvent =
  | DriverCommand
  | { readonly type: "datagram"; readonly port: PortId; readonly from: Address; readonly text: string }
  | { readonly type: "woken"; readonly now: number; readonly due: number }
  | { readonly type: "first" | "second" | "third" };
type TestHandlers = Partial<Pick<Machine<Act, TestEvent>, "receive" | "command">>;

/** Does what it is told, tells all that it hears, and watches that it is not entered twice. */
export class TestMachine implements Machine<Act, TestEvent> {
  readonly heard: string[] = [];
  readonly wakes: number[] = [];
  /** So many more times it wants to be woken at once, without a reason. */
  wakesForNothing = 0;
  idleWakes = 0;
  epochMs = 0;
  deepest = 0;
  #depth = 0;
  readonly #handlers: TestHandlers;

  constructor(handlers: TestHandlers) {
    this.#handlers = handlers;
  }

  receive(
    now: number,
    port: PortId,
    from: Address,
    bytes: Uint8Array,
    info: DatagramInfo,
    out: Outbox<TestEvent>,
  ): void {
    this.#inside(() => {
      this.heard.push("datagram");
      out.emit({ type: "datagram", port, from, text: Buffer.from(bytes).toString() });
      this.#handlers.receive?.(now, port, from, bytes, info, out);
    });
  }

  wake(now: number, out: Outbox<TestEvent>): void {
    this.#inside(() => {
      const due = this.wakes.filter((at) => at <= now).toSorted((a, b) => a - b);
      for (const at of due) {
        this.wakes.splice(this.wakes.indexOf(at), 1);
        out.emit({ type: "woken", now, due: at });
      }
      if (this.wakesForNothing > 0) this.wakesForNothing--;
      else if (due.length === 0) this.idleWakes++;
    });
  }

  command(now: number, command: Act | DriverCommand, out: Outbox<TestEvent>): void {
    this.#inside(() => {
      this.heard.push(command.type);
      if (command.type === "act") return command.act(out, now);
      if (command.type === "clock") this.epochMs = command.epochMs;
      out.emit(command);
      this.#handlers.command?.(now, command, out);
    });
  }

  nextWake(): number {
    return this.wakesForNothing > 0 ? -Infinity : Math.min(...this.wakes);
  }

  #inside(call: () => void): void {
    this.#depth++;
    this.deepest = Math.max(this.deepest, this.#depth);
    try {
      call();
    } finally {
      this.#depth--;
    }
  }
}

export interface Started {
  readonly driver: Driver<Act, TestEvent>;
  readonly machine: TestMachine;
  act(act: Act["act"]): void;
  /** The next event of a type; those of other types are kept. */
  next<Type extends TestEvent["type"]>(type: Type): Promise<Extract<TestEvent, { type: Type }>>;
  /** Opens a port of the system's choice, and gives its address. */
  open(port: PortId, local: Address): Promise<Address>;
}

/** With a certificate of its own, or with none; with the best driver for UDP unless one is wanted. */
export function start(
  handlers: TestHandlers,
  tls: TlsIdentity | null = identity,
  wanted: Pick<DriverOptions<TestEvent>, "driver"> = {},
): Started {
  const machine = new TestMachine(handlers);
  const events: TestEvent[] = [];
  let heard = (): void => {};
  const driver = new Driver<Act, TestEvent>(machine, {
    ...(tls && { tls }),
    ...wanted,
    onEvent: (event) => {
      events.push(event);
      heard();
    },
  });
  const act: Started["act"] = (what) => driver.command({ type: "act", act: what });
  const next: Started["next"] = async <Type extends TestEvent["type"]>(type: Type) => {
    for (;;) {
      const found = events.find((event): event is Extract<TestEvent, { type: Type }> => event.type === type);
      if (found !== undefined) {
        events.splice(events.indexOf(found), 1);
        return found;
      }
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
  };
  const open: Started["open"] = async (port, local) => {
    act((out) => out.openPort(port, { family: local.family, local, port: 0 }));
    return (await next("port-opened")).local;
  };
  return { driver, machine, act, next, open };
}

export function address(spelled: string): Address {
  const parsed = addressFromText(spelled);
  assert.ok(parsed !== undefined, `${spelled} is an address`);
  return parsed;
}

export function text(ascii: string): Uint8Array {
  return new Uint8Array(Buffer.from(ascii, "ascii"));
}

/** What the machine heard of its ports, in order. */
export function news({ machine }: Started): string[] {
  return machine.heard.filter((input) => input !== "act" && input !== "clock");
}
