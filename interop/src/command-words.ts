/** The words that stand in a case's command for what is known only when the server runs. */
import { createHmac } from "node:crypto";
import type { Coturn } from "./coturn.ts";
import type { Peer } from "./peer.ts";
import type { PunchServer } from "./punch-server.ts";

const expiredUser = "1500000000:alice";

export type CommandWords = Readonly<Record<string, string>>;

/** `discovering`: a server with two addresses of IPv4. */
export function commandWords(server: PunchServer, discovering: PunchServer, peer: Peer, coturn: Coturn): CommandWords {
  return {
    PORT: String(server.port),
    SECOND_PORT: String(server.secondPort),
    TLS_PORT: String(server.tlsPort),
    DISCOVERY_PORT: String(discovering.port),
    SECRET: server.secret,
    USER: server.username,
    PASSWORD: server.password,
    EXPIRED_USER: expiredUser,
    EXPIRED_PASSWORD: createHmac("sha1", server.secret).update(expiredUser).digest("base64"),
    COTURN: `127.0.0.1:${coturn.port}`,
    COTURN_IPV6: `[::1]:${coturn.port}`,
    COTURN_PORT: String(coturn.port),
    ICE_SERVERS: server.iceServers,
    NODE: process.execPath,
    PEER: peer.ip,
    PEER_PORT: String(peer.port),
  };
}

/** The program and its arguments. */
export function filledIn(command: string, words: CommandWords): [program: string, ...args: string[]] {
  const [program = "", ...args] = command.split(" ").map((word) => words[word] ?? word);
  return [program, ...args];
}
