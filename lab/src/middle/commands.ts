/** What the lab asks of the process in the middle: one JSON object a line, each answered by one. */
import type { LineOptions, RouterBehaviour } from "@fractal-punch/sim/internet";

export type MiddleCommand =
  /** A machine with its IP addresses, behind a router of that name or at the middle; answered with its device's name. */
  | {
      readonly type: "node";
      readonly name: string;
      readonly addresses: readonly string[];
      readonly line: LineOptions;
      readonly behind?: string;
    }
  /** A router of the simulator, with its outside IP addresses. */
  | {
      readonly type: "router";
      readonly name: string;
      readonly addresses: readonly string[];
      readonly line: LineOptions;
      readonly behaviour: RouterBehaviour;
    }
  /** Changes the line of a node or a router. */
  | { readonly type: "line"; readonly name: string; readonly line: LineOptions }
  /** Between two nodes, in both directions. */
  | { readonly type: "cut" | "heal"; readonly a: string; readonly b: string }
  /** Lets that much time have passed for links and NATs. */
  | { readonly type: "skip"; readonly ms: number };

export type MiddleAnswer =
  | { readonly event: "done"; readonly device?: string }
  | { readonly event: "failed"; readonly reason: string };
