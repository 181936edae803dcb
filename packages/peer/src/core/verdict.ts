/** Why a session is direct, or relayed: what was tried, and what came of it. */
import type { Address } from "@fractal-punch/machine";
import { encodeReport, encodeVerdict, type NatProfile, type VerdictReason } from "@fractal-punch/wire";
import { newTransactionId, type Out, type PeerContext } from "./context.ts";
import type { TriedPath } from "./events.ts";
import type { Path } from "./path.ts";
import type { Route } from "./route.ts";
import type { ServerLink } from "./server-link.ts";
import type { Session } from "./session.ts";
import { roundMs } from "./timing.ts";

/** What signs a peer's reports, and the way that they take. */
export interface Reporter {
  readonly link: ServerLink;
  /** The ticket's username for a client, the host's key for a host. */
  readonly from: { readonly username: string } | { readonly hostKey: Uint8Array };
  readonly key: Uint8Array;
}

export function verdictReason(session: Session, own: NatProfile, now: number): VerdictReason {
  const { paths, firstDirectAtMs } = session.keeper;
  if (paths.direct) return paths.lossy ? "direct-lossy" : "direct";
  const blockedHere = isBlocked(own);
  const blockedThere = isBlocked(session.remoteProfile);
  if (blockedHere) return blockedThere ? "both-udp-blocked" : "udp-blocked-here";
  if (blockedThere) return "udp-blocked-there";
  if (now - session.startedAtMs < roundMs) return "trying";
  if (firstDirectAtMs !== undefined) return "direct-lost";
  const families = new Set(
    paths.all.filter(({ route }) => route.kind === "direct").map(({ route }) => route.remote.family),
  );
  if (families.size === 0) return "no-common-family";
  const here = isSymmetric(own, families);
  const there = isSymmetric(session.remoteProfile, families);
  if (here && there) return "both-symmetric";
  if (here) return "symmetric-here";
  return there ? "symmetric-there" : "no-answer";
}

/** `remoteOf`: where a route ends, for people. */
export function triedPaths(session: Session, remoteOf: (route: Route) => Address): TriedPath[] {
  return session.keeper.paths.all.map((path) => ({
    kind: path.candidate,
    address: remoteOf(path.route),
    result: resultOf(path, session),
    rttMs: path.rttMs,
  }));
}

/** Tells the server the session's verdict. */
export function sendReport(
  context: PeerContext,
  { link, from, key }: Reporter,
  session: Session,
  own: NatProfile,
  out: Out,
): void {
  const signature = { macs: context.primitives, key };
  const verdict = verdictBytes(session, own);
  const bytes = encodeReport(context.builder, newTransactionId(context), from, verdict, signature);
  out.send(link.port, link.server, bytes);
}

function verdictBytes(session: Session, own: NatProfile): Uint8Array {
  const { paths, firstDirectAtMs } = session.keeper;
  const path = paths.current;
  const directAfter = firstDirectAtMs === undefined ? {} : { directAfterMs: firstDirectAtMs - session.startedAtMs };
  const rtt = path?.rttMs === undefined ? {} : { rttMs: path.rttMs };
  return encodeVerdict({
    role: session.role,
    path: path?.route.kind ?? "none",
    reason: session.reason,
    ownProfile: own,
    otherProfile: session.remoteProfile,
    ...directAfter,
    ...rtt,
  });
}

function isBlocked({ v4, v6 }: NatProfile): boolean {
  return v4 === "blocked" || v6 === "blocked";
}

/** Symmetric towards every family that direct paths were tried in. */
function isSymmetric(profile: NatProfile, families: ReadonlySet<4 | 6>): boolean {
  return [...families].every((family) => (family === 4 ? profile.v4 : profile.v6) === "varying");
}

function resultOf(path: Path, session: Session): TriedPath["result"] {
  if (path === session.keeper.paths.current) return "in-use";
  if (path.everProven) return "answered";
  if (path.heardAtMs > -Infinity) return "one-way";
  return path.everProbed ? "silent" : "not-tried";
}
