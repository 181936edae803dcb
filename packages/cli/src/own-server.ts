/** The server on this machine: where a host beside it reaches it, and its secret, as far as this user may read them. */
import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { addressFromText } from "@fractal-punch/machine";
import { defaultStateFolder, readSecret, readServerFile, ServerError } from "@fractal-punch/server";

export interface OwnServer {
  readonly secret: string;
  /** As --server takes it. */
  readonly address: string;
  /** Others cannot dial it under this address. */
  readonly hereOnly: boolean;
}

/** `undefined` when no server has run here, or it is another user's. */
export async function findOwnServer(folder: string = defaultStateFolder()): Promise<OwnServer | undefined> {
  const file = await readServerFile(folder);
  const bound = file?.listening[0];
  if (file === undefined || bound === undefined) return undefined;
  try {
    const secret = await readSecret(folder);
    const port = addressFromText(bound)?.port ?? 0;
    const reachable = file.publicNames.find(isOwnAddress);
    if (reachable !== undefined) return { secret, address: dialText(reachable, port), hereOnly: false };
    return { secret, address: loopbackFor(bound, port), hereOnly: true };
  } catch (error) {
    if (error instanceof ServerError) return undefined;
    throw error;
  }
}

/** "192.0.2.1:48800", "[2001:db8::1]:48800", "punch.example.com:48800". */
export function dialText(name: string, port: number): string {
  return isIPv6(name) ? `[${name}]:${port}` : `${name}:${port}`;
}

function isOwnAddress(name: string): boolean {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return own.some(({ address }) => address === name);
}

/** A socket that is bound to all addresses is reached over loopback. */
function loopbackFor(bound: string, port: number): string {
  if (bound.startsWith("0.0.0.0:")) return dialText("127.0.0.1", port);
  return bound.startsWith("[::]:") ? dialText("::1", port) : bound;
}
