/** Between which homes a direct path is promised (DESIGN section 9: the rows of cones and of IPv6). */
import type { HomeDraw } from "./draw.ts";
import type { Home } from "./homes.ts";
import { type NatName, natKinds } from "./nat-kinds.ts";
import { isBlocked } from "./udp-block.ts";

export function promisesDirect(a: Home, b: Home): boolean {
  if (a.behind[0] !== b.behind[0] && (isBlocked(a) || isBlocked(b))) return false;
  if (a.draw.families !== "4" && b.draw.families !== "4") return true;
  if (a.draw.families === "6" || b.draw.families === "6") return false;
  if (a.behind[0] === b.behind[0]) return true;
  const [first, second] = [reachOf(a.draw), reachOf(b.draw)];
  // Behind one carrier's NAT two homes meet only if it sends back what is for its own outside.
  if (a.carrier !== undefined && a.carrier === b.carrier) return hairpins(a.draw) && first.cone && second.cone;
  return (first.cone && second.cone) || first.open || second.open;
}

/** What all NATs on the way make of a socket together. */
function reachOf({ nat, carrier }: HomeDraw): { cone: boolean; open: boolean } {
  const kinds = [nat, carrier].filter((name): name is NatName => name !== undefined).map((name) => natKinds[name]);
  return {
    cone: kinds.every(({ cone }) => cone),
    open: kinds.every(({ open }) => open),
  };
}

function hairpins({ carrier }: HomeDraw): boolean {
  const behaviour = carrier && natKinds[carrier].behaviour;
  return behaviour?.kind === "nat" && behaviour.hairpin !== "none";
}
