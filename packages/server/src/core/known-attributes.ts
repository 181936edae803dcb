/** What each family of methods understands. Any other attribute below 0x8000 is answered with 420 (RFC 8489 section 6.3.1). */
import { Attribute, Method } from "@fractal-punch/wire";

const stun: readonly number[] = [
  Attribute.mappedAddress,
  Attribute.username,
  Attribute.messageIntegrity,
  Attribute.errorCode,
  Attribute.unknownAttributes,
  Attribute.realm,
  Attribute.nonce,
  Attribute.messageIntegritySha256,
  Attribute.xorMappedAddress,
  Attribute.padding,
];

const binding: ReadonlySet<number> = new Set([...stun, Attribute.changeRequest, Attribute.responsePort]);

const rendezvous: ReadonlySet<number> = new Set([
  ...stun,
  Attribute.channelNumber,
  Attribute.lifetime,
  Attribute.xorPeerAddress,
  Attribute.hostId,
  Attribute.instance,
  Attribute.sequence,
  Attribute.hostProof,
  Attribute.serverKey,
  Attribute.time,
  Attribute.firstMessage,
  Attribute.resume,
  Attribute.proven,
  Attribute.verdict,
]);

const turn: ReadonlySet<number> = new Set([
  ...stun,
  Attribute.channelNumber,
  Attribute.lifetime,
  Attribute.xorPeerAddress,
  Attribute.data,
  Attribute.requestedAddressFamily,
  Attribute.evenPort,
  Attribute.requestedTransport,
  Attribute.passwordAlgorithm,
  Attribute.userhash,
  Attribute.reservationToken,
  Attribute.connectionId,
]);

const turnMethods: ReadonlySet<number> = new Set([
  Method.allocate,
  Method.refresh,
  Method.send,
  Method.createPermission,
  Method.channelBind,
  Method.tcpConnect,
  Method.connectionBind,
]);

export function knownAttributes(method: number): ReadonlySet<number> {
  if (turnMethods.has(method)) return turn;
  return method === Method.binding ? binding : rendezvous;
}
