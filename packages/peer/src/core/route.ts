/** How a datagram gets to the other peer: straight, or over a channel of the server. */
import { type Address, type PortId, type SendOptions, sameAddress } from "@fractal-punch/machine";
import { channelHeaderBytes, writeChannelHeader } from "@fractal-punch/wire";
import type { Out } from "./context.ts";

interface DirectRoute {
  readonly kind: "direct";
  readonly port: PortId;
  readonly remote: Address;
}

export interface RelayedRoute {
  readonly kind: "relayed";
  readonly port: PortId;
  /** The server's address. */
  readonly remote: Address;
  readonly channel: number;
}

export type Route = DirectRoute | RelayedRoute;

export function sameRoute(a: Route, b: Route): boolean {
  if (a.port !== b.port || !sameAddress(a.remote, b.remote)) return false;
  return channelOfRoute(a) === channelOfRoute(b);
}

/** Sends `packet` from byte 4 on; the four bytes before are room for the channel's header. */
export function sendOn(route: Route, packet: Uint8Array, out: Out, options?: SendOptions): void {
  if (route.kind === "direct") {
    out.send(route.port, route.remote, packet.subarray(channelHeaderBytes), options);
    return;
  }
  writeChannelHeader(packet, route.channel, packet.length - channelHeaderBytes);
  out.send(route.port, route.remote, packet, options);
}

/** The packet behind room for a channel's header. */
export function framed(packet: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(channelHeaderBytes + packet.length);
  bytes.set(packet, channelHeaderBytes);
  return bytes;
}

function channelOfRoute(route: Route): number {
  return route.kind === "relayed" ? route.channel : 0;
}
