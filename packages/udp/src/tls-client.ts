/** TLS towards a server, and whom it takes for that server. */
import { createHash } from "node:crypto";
import { isIP, type Socket } from "node:net";
import { checkServerIdentity, connect, type TLSSocket } from "node:tls";
import { equalBytes, type TlsServer } from "@fractal-punch/machine";

/** Begins a handshake over a connection of TCP. It succeeds with any certificate: ask `isTrusted` when it has. */
export function startTls(tcp: Socket, server: TlsServer | undefined): TLSSocket {
  const name = server?.name ?? "";
  return connect({
    socket: tcp,
    // RFC 6066 section 3: no addresses.
    servername: isIP(name) === 0 ? name : "",
    checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
  });
}

/**
 * Whether the certificate is the server's: by its key, or by a public authority that vouches for the name. Without a key
 * to know it by, any is: all that goes over TLS here proves itself (tickets, signed answers, sealed sessions), and TLS is
 * only the way through networks that block UDP.
 */
export function isTrusted(tls: TLSSocket, server: TlsServer | undefined): boolean {
  if (server?.keyHash === undefined || tls.authorized) return true;
  const key = tls.getPeerX509Certificate()?.publicKey.export({ type: "spki", format: "der" });
  return key !== undefined && equalBytes(createHash("sha256").update(key).digest(), server.keyHash);
}
