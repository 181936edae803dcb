/** One datagram of every kind that a server takes, as others would send them, and ways to damage them. */
import { nodePrimitives as macs } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  encodeBinding,
  encodeReport,
  encodeVerdict,
  fingerprintOf,
  MessageClass,
  Method,
  readU16,
  StunBuilder,
  unknownProfile,
  writeU16,
  writeU32,
} from "@fractal-punch/wire";
import { channelData, type Introduced, ticketSignature } from "./test-peers.ts";
import type { TestServer } from "./test-server.ts";

const builder = new StunBuilder();

/** Valid ones, as seen on the wire of that pair, by name. `nonce` is one that the server made for the host's address. */
export function datagramsOf(test: TestServer, pair: Introduced): Record<string, Uint8Array> {
  const { host, client } = pair;
  const { nonce, serverKey } = host.nonce();
  const verdict = {
    path: "direct",
    reason: "direct",
    ownProfile: unknownProfile,
    otherProfile: unknownProfile,
  } as const;
  const clientVerdict = encodeVerdict({ ...verdict, role: "client" });
  const hostVerdict = encodeVerdict({ ...verdict, role: "host" });
  const { username } = client.ticket;
  const { publicKey: hostKey } = host;
  return {
    binding: encodeBinding(builder, test.transactionId(), true).slice(),
    ask: host.askBytes(),
    shortAsk: shortAsk(test, hostKey),
    register: host.registerBytes(nonce, serverKey),
    refresh: host.refreshBytes(),
    connect: client.connectBytes({ transactionId: test.transactionId() }),
    repeat: client.connectBytes(),
    proof: client.connectBytes({ nonce: pair.nonce, approach: undefined }),
    wrongProof: client.connectBytes({ nonce, approach: undefined }),
    lateConnect: client.connectBytes({ timeMs: 0, transactionId: test.transactionId() }),
    clientReport: encodeReport(
      builder,
      test.transactionId(),
      { username },
      clientVerdict,
      ticketSignature(client.ticket),
    ).slice(),
    hostReport: encodeReport(builder, test.transactionId(), { hostKey }, hostVerdict, { macs, key: host.key }).slice(),
    clientData: channelData(pair.clientChannel, 500),
    hostData: channelData(pair.hostChannel, 500),
    unknownData: channelData(0x4abc, 32),
    unknownAttribute: unknownAttribute(test),
  };
}

/** A Register without padding: its answer would be larger. */
function shortAsk(test: TestServer, hostKey: Uint8Array): Uint8Array {
  builder.begin(MessageClass.request, Method.register, test.transactionId()).attribute(Attribute.hostId, hostKey);
  return builder.fingerprint().bytes().slice();
}

function unknownAttribute(test: TestServer): Uint8Array {
  return builder
    .begin(MessageClass.request, Method.connect, test.transactionId())
    .u32(0x0003, 6)
    .fingerprint()
    .bytes()
    .slice();
}

/** The datagram with its length field and FINGERPRINT made right again, so that damage behind them is looked at. */
export function mended(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice(0, bytes.length & ~3);
  if ((copy[0] ?? 0xff) > 3 || copy.length < 20) return copy;
  writeU16(copy, 2, copy.length - 20);
  const at = copy.length - 8;
  if (at >= 20 && readU16(copy, at) === Attribute.fingerprint) writeU32(copy, at + 4, fingerprintOf(copy, at));
  return copy;
}
