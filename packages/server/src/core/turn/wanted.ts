/** What an Allocate asks for (RFC 8656 section 7.2, RFC 6062 section 5.1). */
import {
  Attribute,
  additionalFamilyOf,
  ErrorCode,
  evenPortOf,
  requestedFamilyOf,
  requestedTransportOf,
  reservationTokenOf,
  type StunMessage,
  Transport,
} from "@fractal-punch/wire";

/** What peers send over. */
export type RelayTransport = "udp" | "tcp";

/** A port that a client wants. */
export interface Wanted {
  readonly family: 4 | 6;
  /** "pair": an even one, with the one above it kept. "kept": the one above the last. */
  readonly port: "any" | "even" | "pair" | "kept";
}

/** The transport that is asked for, or the code of the RFC's refusal. To be relayed over TCP is only asked over TCP. */
export function wantedTransport(message: StunMessage, isOverStream: boolean): RelayTransport | ErrorCode {
  const transport = requestedTransportOf(message);
  if (transport === undefined) return ErrorCode.badRequest;
  if (transport === Transport.udp) return "udp";
  if (transport !== Transport.tcp) return ErrorCode.unsupportedTransport;
  const isRefused = message.has(Attribute.evenPort) || message.has(Attribute.reservationToken);
  return isRefused || !isOverStream ? ErrorCode.badRequest : "tcp";
}

/** The relayed addresses that are asked for, or the code of the RFC's refusal. */
export function wantedPorts(message: StunMessage): Wanted[] | ErrorCode {
  const family = requestedFamilyOf(message);
  const additional = additionalFamilyOf(message);
  const even = evenPortOf(message);
  const hasFamily = message.has(Attribute.requestedAddressFamily);
  const hasAdditional = message.has(Attribute.additionalAddressFamily);
  const hasToken = message.has(Attribute.reservationToken);
  if (hasToken && (hasFamily || hasAdditional || message.has(Attribute.evenPort))) return ErrorCode.badRequest;
  if (hasFamily && hasAdditional) return ErrorCode.badRequest;
  if (hasAdditional && (additional !== 6 || even === "pair")) return ErrorCode.badRequest;
  if ((hasFamily && family === undefined) || (message.has(Attribute.evenPort) && even === undefined))
    return ErrorCode.badRequest;
  if (family === "unsupported") return ErrorCode.addressFamilyNotSupported;
  if (hasToken && reservationTokenOf(message) === undefined) return ErrorCode.badRequest;
  const first = { family: family ?? 4, port: even ?? "any" } as const;
  return hasAdditional ? [first, { family: 6, port: "any" }] : [first];
}
