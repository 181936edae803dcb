/** What a datagram is, by its first byte (RFC 7983, RFC 9443, docs/protocol.md section 1). */

export type DatagramKind = "stun" | "session" | "channel-data" | "unknown";

export function datagramKind(bytes: Uint8Array): DatagramKind {
  const first = bytes[0] ?? 0xff;
  if (first <= 0x03) return "stun";
  if (first >= 0x08 && first <= 0x0f) return "session";
  return first >= 0x40 && first <= 0x4f ? "channel-data" : "unknown";
}
