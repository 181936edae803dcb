/** The table: other people's programs, and what they have to do against this server. */
import type { Case, Unsupported } from "./case.ts";
import { clientCases } from "./client-cases.ts";
import { iceCases } from "./ice-cases.ts";
import { allBack, hairpins, halfBack, mapped, natIs, refused, responses } from "./judgements.ts";

const minted = "-u USER -w PASSWORD -p PORT";
const mintedTls = "-u USER -w PASSWORD -p TLS_PORT";

const stun: readonly Case[] = [
  { name: "STUN: IPv4", command: "turnutils_stunclient -p PORT 127.0.0.1", judge: mapped("127.0.0.1") },
  { name: "STUN: IPv6", command: "turnutils_stunclient -p PORT ::1", judge: mapped("::1") },
  { name: "STUN: second port", command: "turnutils_stunclient -p SECOND_PORT 127.0.0.1", judge: mapped("127.0.0.1") },
];

const discovery: readonly Case[] = [
  {
    name: "discovery: mapping",
    command: "turnutils_natdiscovery -m -p DISCOVERY_PORT 127.0.0.1",
    judge: natIs("Endpoint Independent Mapping"),
  },
  {
    name: "discovery: mapping, with padding",
    command: "turnutils_natdiscovery -m -P -p DISCOVERY_PORT 127.0.0.1",
    judge: natIs("Endpoint Independent Mapping"),
  },
  {
    name: "discovery: filtering",
    command: "turnutils_natdiscovery -f -p DISCOVERY_PORT 127.0.0.1",
    judge: natIs("Endpoint Independent Filtering"),
  },
  { name: "discovery: hairpinning", command: "turnutils_natdiscovery -H -p DISCOVERY_PORT 127.0.0.1", judge: hairpins },
  {
    name: "discovery: collision of two addresses",
    command: "turnutils_natdiscovery -c -A 127.0.0.4 -p DISCOVERY_PORT 127.0.0.1",
    judge: responses(2),
  },
];

const turn: readonly Case[] = [
  { name: "TURN: channels", command: `turnutils_uclient -v -y -c -n 10 ${minted} 127.0.0.1`, judge: allBack(20) },
  {
    name: "TURN: channels, 8 clients",
    command: `turnutils_uclient -v -y -c -m 8 -n 10 ${minted} 127.0.0.1`,
    judge: allBack(80),
  },
  { name: "TURN: indications", command: `turnutils_uclient -v -y -c -s -n 10 ${minted} 127.0.0.1`, judge: allBack(20) },
  {
    name: "TURN: shared secret",
    command: "turnutils_uclient -v -y -c -n 10 -u alice -W SECRET -p PORT 127.0.0.1",
    judge: allBack(20),
  },
  {
    name: "TURN: shared secret, indications",
    command: "turnutils_uclient -v -y -c -s -n 10 -u alice -W SECRET -p PORT 127.0.0.1",
    judge: allBack(20),
  },
  {
    name: "TURN: a user with a password of its own",
    command: "turnutils_uclient -v -y -c -n 10 -u static -w interop -p PORT 127.0.0.1",
    judge: allBack(20),
  },
  {
    name: "TURN: 1,000 bytes",
    command: `turnutils_uclient -v -y -c -l 1000 -n 10 ${minted} 127.0.0.1`,
    judge: allBack(20, { lengthBytes: 1000 }),
  },
  {
    name: "TURN: 1,300 bytes, indications",
    command: `turnutils_uclient -v -y -c -s -l 1300 -n 10 ${minted} 127.0.0.1`,
    judge: allBack(20, { lengthBytes: 1300 }),
  },
  {
    name: "TURN: to a peer",
    command: `turnutils_uclient -v -c -e PEER -r PEER_PORT -m 2 -n 10 ${minted} 127.0.0.1`,
    judge: allBack(20),
  },
  {
    name: "TURN: to a peer, indications",
    command: `turnutils_uclient -v -c -s -e PEER -r PEER_PORT -m 2 -n 10 ${minted} 127.0.0.1`,
    judge: allBack(20),
  },
  {
    name: "TURN: IPv4 asked for",
    command: `turnutils_uclient -v -y -c -X -n 10 ${minted} 127.0.0.1`,
    judge: allBack(20),
  },
  {
    name: "TURN: IPv6 asked for",
    command: `turnutils_uclient -v -y -c -x -n 10 ${minted} 127.0.0.1`,
    judge: allBack(20, { family: 6 }),
  },
  { name: "TURN: by IPv6", command: `turnutils_uclient -v -y -c -n 10 ${minted} ::1`, judge: allBack(20) },
  {
    name: "TURN: by IPv6, IPv6 asked for",
    command: `turnutils_uclient -v -y -c -x -n 10 ${minted} ::1`,
    judge: allBack(20, { family: 6 }),
  },
  {
    name: "TURN: padded ChannelData",
    command: `turnutils_uclient -v -y -c -D -l 99 -n 10 ${minted} 127.0.0.1`,
    judge: allBack(20, { lengthBytes: 99 }),
  },
  {
    name: "TURN: further permissions and bindings",
    command: `turnutils_uclient -v -y -c -G -n 10 ${minted} 127.0.0.1`,
    // Their peers are random addresses of both families.
    judge: allBack(20, { mayRefuse: /^(403|443) / }),
  },
  {
    name: "TURN: coturn's negative tests",
    command: `turnutils_uclient -v -y -c -N -n 10 ${minted} 127.0.0.1`,
    judge: allBack(20),
  },
  {
    name: "TURN: mobility",
    command: `turnutils_uclient -v -y -c -M -n 10 ${minted} 127.0.0.1`,
    judge: allBack(20),
  },
  { name: "TURN: RTP and RTCP", command: `turnutils_uclient -v -y -n 10 ${minted} 127.0.0.1`, judge: allBack(40) },
  {
    name: "TURN: RTP and RTCP to a peer",
    command: `turnutils_uclient -v -e PEER -r PEER_PORT -n 10 ${minted} 127.0.0.1`,
    judge: allBack(20),
  },
];

const refusals: readonly Case[] = [
  {
    name: "refused: wrong password",
    command: "turnutils_uclient -v -y -c -u USER -w wrong -p PORT 127.0.0.1",
    judge: refused(),
  },
  {
    name: "refused: wrong secret",
    command: "turnutils_uclient -v -y -c -u alice -W wrong -p PORT 127.0.0.1",
    judge: refused(),
  },
  {
    name: "refused: a name that nobody minted",
    command: "turnutils_uclient -v -y -c -u alice -w PASSWORD -p PORT 127.0.0.1",
    judge: refused(),
  },
  {
    name: "refused: an expired name",
    command: "turnutils_uclient -v -y -c -u EXPIRED_USER -w EXPIRED_PASSWORD -p PORT 127.0.0.1",
    judge: refused(),
  },
  {
    name: "refused: DONT-FRAGMENT",
    command: `turnutils_uclient -v -y -c -g ${minted} 127.0.0.1`,
    judge: refused(420),
  },
];

const streams: readonly Case[] = [
  {
    name: "TCP: channels",
    command: `turnutils_uclient -v -t -y -c -n 10 ${minted} 127.0.0.1`,
    judge: allBack(20),
    transport: "tcp",
  },
  {
    name: "TCP: indications, shared secret",
    command: "turnutils_uclient -v -t -y -c -s -n 10 -u alice -W SECRET -p PORT 127.0.0.1",
    judge: allBack(20),
    transport: "tcp",
  },
  {
    name: "TCP: 99 bytes, 8 clients",
    command: `turnutils_uclient -v -t -y -c -l 99 -m 8 -n 10 ${minted} 127.0.0.1`,
    judge: allBack(80, { lengthBytes: 99 }),
    transport: "tcp",
  },
  {
    name: "TCP: to a peer",
    command: `turnutils_uclient -v -t -c -e PEER -r PEER_PORT -l 1300 -n 10 ${minted} 127.0.0.1`,
    judge: allBack(10, { lengthBytes: 1300 }),
    transport: "tcp",
  },
  {
    name: "TCP: by IPv6, IPv6 asked for",
    command: `turnutils_uclient -v -t -y -c -x -n 10 ${minted} ::1`,
    judge: allBack(20, { family: 6 }),
    transport: "tcp",
  },
  {
    name: "TCP: RTP and RTCP",
    command: `turnutils_uclient -v -t -y -n 10 ${minted} 127.0.0.1`,
    judge: allBack(40),
    transport: "tcp",
  },
  {
    name: "TCP to peers: clients of one server",
    command: `turnutils_uclient -v -T -y -c -m 4 -l 1300 -n 10 ${minted} 127.0.0.1`,
    judge: allBack(40, { lengthBytes: 1300 }),
    transport: "tcp",
  },
  {
    name: "TCP to peers: by IPv6, IPv6 asked for",
    command: `turnutils_uclient -v -T -y -c -x -n 10 ${minted} ::1`,
    judge: allBack(20, { family: 6 }),
    transport: "tcp",
  },
  {
    name: "TCP to peers: peers that connect",
    command: `turnutils_uclient -v -T -P -y -c -n 10 ${minted} 127.0.0.1`,
    judge: halfBack(20),
    transport: "tcp",
  },
  {
    name: "TCP: wrong password is refused",
    command: "turnutils_uclient -v -t -y -c -u USER -w wrong -p PORT 127.0.0.1",
    judge: refused(),
    transport: "tcp",
  },
  {
    name: "TLS: channels",
    command: `turnutils_uclient -v -t -S -y -c -n 10 ${mintedTls} 127.0.0.1`,
    judge: allBack(20),
    transport: "tls",
  },
  {
    name: "TLS: indications, shared secret",
    command: "turnutils_uclient -v -t -S -y -c -s -n 10 -u alice -W SECRET -p TLS_PORT 127.0.0.1",
    judge: allBack(20),
    transport: "tls",
  },
  {
    name: "TLS: 99 bytes, 8 clients",
    command: `turnutils_uclient -v -t -S -y -c -l 99 -m 8 -n 10 ${mintedTls} 127.0.0.1`,
    judge: allBack(80, { lengthBytes: 99 }),
    transport: "tls",
  },
  {
    name: "TLS: to a peer",
    command: `turnutils_uclient -v -t -S -c -e PEER -r PEER_PORT -l 1300 -n 10 ${mintedTls} 127.0.0.1`,
    judge: allBack(10, { lengthBytes: 1300 }),
    transport: "tls",
  },
  {
    name: "TLS: by IPv6, IPv6 asked for",
    command: `turnutils_uclient -v -t -S -y -c -x -n 10 ${mintedTls} ::1`,
    judge: allBack(20, { family: 6 }),
    transport: "tls",
  },
  {
    name: "TLS: RTP and RTCP",
    command: `turnutils_uclient -v -t -S -y -n 10 ${mintedTls} 127.0.0.1`,
    judge: allBack(40),
    transport: "tls",
  },
  {
    name: "TLS: TCP to peers, clients of one server",
    command: `turnutils_uclient -v -T -S -y -c -m 4 -l 1300 -n 10 ${mintedTls} 127.0.0.1`,
    judge: allBack(40, { lengthBytes: 1300 }),
    transport: "tls",
  },
  {
    name: "TLS: wrong password is refused",
    command: "turnutils_uclient -v -t -S -y -c -u USER -w wrong -p TLS_PORT 127.0.0.1",
    judge: refused(),
    transport: "tls",
  },
];

export const cases: readonly Case[] = [
  ...stun,
  ...discovery,
  ...turn,
  ...refusals,
  ...streams,
  ...iceCases,
  ...clientCases,
];

export const unsupported: readonly Unsupported[] = [
  {
    name: "TURN: both families (uclient -Z)",
    reason: "coturn's client asks with the attribute of a draft, 0x8032; RFC 8656 has 0x8000",
  },
  {
    name: "discovery: lifetime of a mapping",
    reason: "natdiscovery -t wants answers to another port than the request's, where somebody else may be",
  },
];
