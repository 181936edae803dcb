/** What a running server tells: JSON lines by pino, or on a terminal lines for people. */
import { addressText } from "@fractal-punch/machine";
import type { ServeEvent } from "@fractal-punch/server";
import type { Fields } from "./output.ts";

type Level = "info" | "warn";

/** One thing that happened: for programs the event and its fields, for people the text. */
export interface LogLine {
  readonly level: Level;
  readonly event: string;
  readonly fields: Fields;
  readonly text: string;
  /** More for people. */
  readonly advice?: string;
}

export type Log = (line: LogLine) => void;

/** Loads pino, which is not small, only where it is wanted. */
export async function openLog(json: boolean): Promise<Log> {
  if (!json)
    return ({ level, text, advice }) =>
      console.log(`${timeText()} ${level === "warn" ? "Note: " : ""}${text}${advice ?? ""}`);
  const { pino, stdTimeFunctions } = await import("pino");
  const logger = pino({
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
  });
  return ({ level, event, fields, text }) => logger[level]({ event, ...fields }, text);
}

/** The line for an event; `undefined` for one that is told in another way. */
export function logLine(event: ServeEvent): LogLine | undefined {
  switch (event.type) {
    case "listening":
    case "ready":
    case "public-address":
      return undefined;
    case "listen-failed":
      return listenFailedLine(event);
    case "classic-matched": {
      const { generation, transport } = event;
      const client = addressText(event.client);
      const cloudComputer = addressText(event.cloudComputer);
      const text = `Classic ${transport.toUpperCase()}: a client at ${client} and a cloud computer at ${cloudComputer} were told of each other.`;
      return info("classic-matched", { generation, transport, client, cloudComputer }, text);
    }
    case "registered": {
      const { hostId, name } = event;
      const address = addressText(event.address);
      return info(
        "registered",
        { hostId, name, address },
        `Host ${name} (${short(hostId)}) is registered from ${address}.`,
      );
    }
    case "registration-ended": {
      const { hostId, name, cause } = event;
      return info("registration-ended", { hostId, name, cause }, `Host ${name} (${short(hostId)}) is gone: ${cause}.`);
    }
    case "introduced": {
      const { hostId, name, clientUsername } = event;
      const client = addressText(event.client);
      const text = `A client at ${client} was introduced to host ${name} (${short(hostId)}).`;
      return info("introduced", { hostId, name, client, clientUsername }, text);
    }
    case "report": {
      const { hostId, verdict } = event;
      const from = addressText(event.from);
      const text = `A session with ${short(hostId)} reports from ${from}: ${verdict.path}, ${verdict.reason}.`;
      return info("report", { hostId, from, verdict }, text);
    }
    case "revocations-full":
      return warn(
        "revocations-full",
        {},
        "A revocation was not taken: there are too many. It must be revoked again later.",
      );
    case "secret-made": {
      const { stateFolder } = event;
      return info("secret-made", { stateFolder }, `The first start: the server's secret was made in ${stateFolder}.`);
    }
    case "without-ip6":
      return info("without-ip6", {}, "This machine has no IPv6: serving IPv4 only.");
    case "public-names":
      return publicNamesLine(event);
    case "revocations-read":
      return info("revocations-read", { count: event.count }, `Revocations read: ${event.count}.`);
    case "state-fault":
      return warn(
        "state-fault",
        { error: String(event.error) },
        `The state folder has a fault: ${String(event.error)}`,
      );
  }
}

/** `undefined` for a port that the server cannot do without: that is an error of its own. */
function listenFailedLine({ port, code }: ServeEvent & { type: "listen-failed" }): LogLine | undefined {
  const { transport = "udp" } = port;
  if (transport === "udp" && port.main) return undefined;
  const loss =
    transport === "udp"
      ? "peers then learn less about their NATs"
      : "programs that use TCP are not served. If another program has the port, stop that one and start the server again";
  const text = `${transport.toUpperCase()} port ${port.port} cannot be opened (${code}). The server does without it; ${loss}.`;
  return warn("listen-failed", { transport, port: port.port, code }, text);
}

function publicNamesLine({ names, source, arePrivate }: ServeEvent & { type: "public-names" }): LogLine {
  const fields = { names, source, private: arePrivate };
  if (names.length === 0)
    return warn("public-names", fields, "This machine's public address is not known. Name it with --public.");
  const list = names.join(" and ");
  if (!arePrivate) return info("public-names", fields, `Reachable as ${list} (${sourceTexts[source]}).`);
  const remedy = "only peers in this network reach it. If there is a public address, name it with --public.";
  return warn("public-names", fields, `Reachable as ${list}, which is private: ${remedy}`);
}

const sourceTexts = {
  option: "as --public says",
  cloud: "as the cloud says",
  interface: "this machine's address",
  dialled: "as hosts dial it",
} as const;

function info(event: string, fields: Fields, text: string): LogLine {
  return { level: "info", event, fields, text };
}

function warn(event: string, fields: Fields, text: string): LogLine {
  return { level: "warn", event, fields, text };
}

/** Enough of a host id to know it again. */
function short(hostId: string): string {
  return `${hostId.slice(0, 8)}…`;
}

function timeText(): string {
  return new Date().toISOString().slice(11, 19);
}
