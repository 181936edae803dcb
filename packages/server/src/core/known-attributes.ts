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

const binding: ReadonlySet<number> = new Set(stun);

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

export function knownAttributes(method: number): ReadonlySet<number> {
  return method === Method.binding ? binding : rendezvous;
}
