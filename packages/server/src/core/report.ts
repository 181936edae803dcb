/** Report (docs/protocol.md section 9): a peer's verdict on a session. */
import { Attribute, decodeVerdict, integrityMatches } from "@fractal-punch/wire";
import type { Outcome } from "./outcome.ts";
import type { Question } from "./question.ts";
import type { ServerState } from "./state.ts";

const maxReportBytes = 1000;

/** Who signed a report. */
interface Reporter {
  readonly role: "client" | "host";
  /** Whose bucket it takes from. */
  readonly key: string;
  readonly hostId: string;
}

export function handleReport(state: ServerState, question: Question): Outcome {
  const { now, from, message, out } = question;
  if (message.bytes.length > maxReportBytes) return "malformed";
  const reporter = reporterOf(state, question);
  if (reporter === undefined) return "bad-integrity";
  if (!state.buckets.reports.take(now, reporter.key)) return "ticket-rate";
  const value = message.value(Attribute.verdict);
  const verdict = value && decodeVerdict(value);
  if (verdict === undefined || verdict.role !== reporter.role) return "malformed";
  state.counters.reports.add(`${verdict.path}/${verdict.reason}`);
  out.emit({ type: "report", hostId: reporter.hostId, from, verdict });
  return "served";
}

function reporterOf(state: ServerState, question: Question): Reporter | undefined {
  const { now, message } = question;
  if (message.has(Attribute.username)) {
    const admitted = state.tickets.admit(now, message);
    if ("code" in admitted || admitted.ticket.kind !== "client") return undefined;
    const { ticket } = admitted;
    return { role: "client", key: ticket.username, hostId: ticket.hostId };
  }
  const hostKey = message.fixed(Attribute.hostId, 32);
  const registration = hostKey && state.registrations.find(hostKey);
  if (registration === undefined || !integrityMatches(state.primitives, registration.key, message)) return undefined;
  return { role: "host", key: registration.host, hostId: registration.hostId };
}
