/** What the forwarding plane may do for TURN: write it down anew whenever something about an allocation has changed. */
import { noNumber } from "../forwarding/rule-memory.ts";
import type { Rules } from "../forwarding/rules.ts";
import type { Allocation, TurnChannel } from "./allocation.ts";
import type { TurnState } from "./turn-state.ts";

/** Each of its channels, as long as it and the permission last. Where its client is must be certain, and no stream. */
export function publishChannels(rules: Rules, turn: TurnState, now: number, allocation: Allocation): void {
  withdrawChannels(rules, allocation);
  const { mobility, tuple } = allocation;
  if (mobility?.next !== undefined || mobility?.isAway === true || tuple.isStream) return;
  for (const channel of allocation.channels?.values() ?? []) publishChannel(rules, turn, now, channel);
}

export function withdrawChannels(rules: Rules, allocation: Allocation): void {
  for (const rule of allocation.rules.splice(0)) rules.withdraw(rule);
}

/** Between two allocations of this server data go inside, which is the control plane's work. */
function publishChannel(
  rules: Rules,
  turn: TurnState,
  now: number,
  { allocation, number, peer, endsAt }: TurnChannel,
): void {
  const { tuple, credit } = allocation;
  const relay = allocation.relay(peer.family);
  const permittedUntil = allocation.permittedUntil(peer);
  if (relay === undefined || credit === undefined || permittedUntil <= now) return;
  if (turn.allocations.at("udp", peer) !== undefined || turn.policy.refusal(peer) !== undefined) return;
  const shared = { credit, endsAt: Math.min(endsAt, permittedUntil), outNumber: number };
  const { port, address, options } = tuple;
  const toPeer = rules.publish({
    ...shared,
    kind: "toPeer",
    port,
    from: address,
    number,
    outPort: relay.port,
    to: peer,
  });
  const toClient = rules.publish({
    ...shared,
    kind: "toClient",
    port: relay.port,
    from: peer,
    number: noNumber,
    outPort: port,
    to: address,
    local: options?.local,
  });
  for (const rule of [toPeer, toClient]) if (rule !== undefined) allocation.rules.push(rule);
}
