/** What a running server tells: JSON lines, or on a terminal lines for people. */
import { type Address, addressText, ipText, type Transport, withPort } from "@fractal-punch/machine";
import type { ServeEvent } from "@fractal-punch/server";
import { LineWriter } from "./line-writer.ts";
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

export function openLog(json: boolean): Log {
  if (!json)
    return ({ level, text, advice }) =>
      console.log(`${timeText()} ${level === "warn" ? "Note: " : ""}${text}${advice ?? ""}`);
  const writer = new LineWriter(process.stdout.fd, (lines) => log(lostLine(lines)));
  const log: Log = ({ level, event, fields, text }) =>
    writer.write(`${JSON.stringify({ level, time: isoTime(), event, ...fields, msg: text })}\n`);
  return log;
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
    case "classic-matched":
      return classicLine(event);
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
    case "driver":
      return driverLine(event);
    case "thread-died":
      return threadDiedLine(event);
    case "several-addresses":
      return severalAddressesLine(event.addresses);
    case "public-names":
      return publicNamesLine(event);
    case "revocations-read":
      return info("revocations-read", { count: event.count }, `Revocations read: ${event.count}.`);
    case "certificate-read":
      return info(
        "certificate-read",
        { path: event.path },
        `The new certificate in ${event.path} is used from now on.`,
      );
    case "certificate-fault":
      return certificateFaultLine(event);
    case "state-fault":
      return stateFaultLine(event);
  }
}

function classicLine(event: ServeEvent & { type: "classic-matched" }): LogLine {
  const { generation, transport } = event;
  const client = addressText(event.client);
  const cloudComputer = addressText(event.cloudComputer);
  const text = `Classic ${transport.toUpperCase()}: a client at ${client} and a cloud computer at ${cloudComputer} were told of each other.`;
  return info("classic-matched", { generation, transport, client, cloudComputer }, text);
}

function certificateFaultLine({ error }: ServeEvent & { type: "certificate-fault" }): LogLine {
  const reason = error instanceof Error ? error.message : String(error);
  const text = `The certificate's files have changed, and the one before is used still: ${reason}`;
  return warn("certificate-fault", { error: reason }, text);
}

function stateFaultLine({ error }: ServeEvent & { type: "state-fault" }): LogLine {
  return warn("state-fault", { error: String(error) }, `The state folder has a fault: ${String(error)}`);
}

/** `undefined` for a port that the server cannot do without: that is an error of its own. */
function listenFailedLine({ port, code }: ServeEvent & { type: "listen-failed" }): LogLine | undefined {
  const { transport = "udp", local } = port;
  if (transport === "udp" && port.main) return undefined;
  const place = local === undefined ? `port ${port.port}` : addressText(withPort(local, port.port));
  const fault = `${transport.toUpperCase()} ${place} cannot be opened (${code}).`;
  const text = `${fault} The server does without it; ${losses[transport]}.${remedyOf(transport, code)}`;
  return warn("listen-failed", { transport, port: port.port, code }, text);
}

const losses = {
  udp: "peers then learn less about their NATs",
  tcp: "programs that use TCP are not served",
  tls: "peers and programs that cannot use UDP may not get through",
} as const;

function remedyOf(transport: Transport, code: string): string {
  if (code === "EADDRINUSE" && transport !== "tls")
    return " Another program has the port: stop that one and start the server again.";
  if (code === "EADDRINUSE")
    return " Another program has the port, perhaps a web server: stop that one, choose another with --tls-port, or do without with --no-tls.";
  if (transport !== "tls" || (code !== "EACCES" && code !== "EPERM")) return "";
  return " Ports below 1024 need CAP_NET_BIND_SERVICE (AmbientCapabilities in a systemd unit) or root; or choose another with --tls-port, or do without with --no-tls.";
}

function driverLine({ kind, reason, threads }: ServeEvent & { type: "driver" }): LogLine {
  const how = kind === "batch" ? "in batches" : "one datagram at a time, by node:dgram";
  const by = threads === 1 ? "" : `, by ${threads} threads`;
  return info("driver", { driver: kind, reason, threads }, `UDP is read and written ${how}${by}: ${reason}.`);
}

function threadDiedLine({ error }: ServeEvent & { type: "thread-died" }): LogLine {
  const text = `A forwarding thread has ended and another one takes its place: ${String(error)}`;
  return warn("thread-died", { error: String(error) }, text);
}

function severalAddressesLine(addresses: readonly Address[]): LogLine {
  const texts = addresses.map(ipText);
  const text = `This machine has several public addresses (${texts.join(", ")}). By UDP it answers from the one that its routes choose, so who asks another one hears nothing: name those that it is to serve with --listen.`;
  return warn("several-addresses", { addresses: texts }, text);
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

function lostLine(lines: number): LogLine {
  const text = `${lines} lines of this log are lost: what reads it is too slow, or its disk is full.`;
  return warn("log-lines-lost", { lines }, text);
}

let lastMs = 0;
let lastIsoTime = "";

/** Made once for all lines of a millisecond. */
function isoTime(): string {
  const ms = Date.now();
  if (ms !== lastMs) lastIsoTime = new Date(ms).toISOString();
  lastMs = ms;
  return lastIsoTime;
}

function timeText(): string {
  return new Date().toISOString().slice(11, 19);
}
