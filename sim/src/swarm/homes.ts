/** Builds the routers that the ends of a swarm's world are behind. */
import { firewall, none } from "../nat-behaviour.ts";
import type { Router } from "../router.ts";
import { ipAddress } from "../topology.ts";
import type { World } from "../world.ts";
import type { HomeDraw } from "./draw.ts";
import { lineOptionsOf } from "./line-draw.ts";
import { type NatName, natKinds, shortLived } from "./nat-kinds.ts";

/** Where an end is, with all routers on its way to the middle. */
export interface Home {
  readonly draw: HomeDraw;
  /** What its node is behind, one router for each address family. */
  readonly behind: readonly Router[];
  /** Every router that remembers something. */
  readonly routers: readonly Router[];
  /** The NAT that has the public address. */
  readonly outermost: Router | undefined;
  readonly carrier: Router | undefined;
}

export class Homes {
  readonly #world: World;
  readonly #mtus: readonly number[];
  #count = 0;
  #built = 0;

  /** `mtus`: of their lines, in the order in which they are built. */
  constructor(world: World, mtus: readonly number[]) {
    this.#world = world;
    this.#mtus = mtus;
  }

  /** A home of its own; `neighbour`: one whose carrier's NAT it is to be behind, too, if that has one. */
  build(drawn: HomeDraw, neighbour?: Home): Home {
    const shared = drawn.nat === undefined ? undefined : neighbour?.carrier;
    const mtuBytes = this.#mtus[this.#built++ % this.#mtus.length] ?? Infinity;
    const draw = shared === undefined ? drawn : { ...drawn, carrier: neighbour?.draw.carrier };
    const carrier = draw.families === "6" ? undefined : (shared ?? this.#carrierOf(draw));
    const nat = draw.families === "6" ? undefined : this.#router4(draw, carrier);
    const ip6 = draw.families === "4" ? undefined : this.#router6(draw);
    const behind = [nat, ip6].filter((router) => router !== undefined);
    const outermost = carrier ?? (draw.nat === undefined ? undefined : nat);
    for (const router of behind) router.line.change({ mtuBytes });
    const routers = [carrier, ...behind].filter((router) => router !== undefined);
    return { draw, behind, routers, outermost, carrier };
  }

  /** Another public address for a NAT. */
  renumber(router: Router): void {
    router.renumber([ipAddress(`203.0.113.${++this.#count}`)]);
  }

  #carrierOf({ carrier, ...draw }: HomeDraw): Router | undefined {
    if (carrier === undefined) return undefined;
    const inside = `100.64.${++this.#count}.0/24`;
    return this.#world.nat(`carrier ${this.#count}`, behaviourOf(carrier, draw), {
      inside,
      ...lineOptionsOf(draw.line),
    });
  }

  #router4(draw: HomeDraw, carrier: Router | undefined): Router {
    const name = `router ${++this.#count}`;
    const line = lineOptionsOf(draw.line);
    // A public address is one of a router that lets everything pass.
    if (draw.nat === undefined) return this.#world.nat(name, none, { inside: `198.18.${this.#count}.0/24`, ...line });
    const behaviour = behaviourOf(draw.nat, draw);
    return this.#world.nat(name, behaviour, carrier === undefined ? line : { behind: carrier });
  }

  #router6(draw: HomeDraw): Router {
    const filter = draw.shortLived ? shortLived(firewall) : firewall;
    return this.#world.nat(`router ${++this.#count}`, draw.firewall ? filter : none, lineOptionsOf(draw.line));
  }
}

function behaviourOf(name: NatName, { shortLived: short }: Pick<HomeDraw, "shortLived">): Router["behaviour"] {
  const { behaviour } = natKinds[name];
  return short ? shortLived(behaviour) : behaviour;
}
