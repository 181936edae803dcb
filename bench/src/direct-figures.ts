/**
 * What one direct session carries from a local UDP socket to a far one: the built `host --udp` and `connect --udp`, in two
 * network namespaces that a pair of virtual devices joins. The server is beside the host.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  closeNamespace,
  configureLinks,
  LabProcess,
  missingRequirement,
  type Namespace,
  openNamespace,
  runIn,
  textIn,
} from "@fractal-punch/lab";
import { type Figure, median } from "./figures.ts";
import type { NearMeasured, NearSpec } from "./load/near-end.ts";

const command = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));
const nearEnd = fileURLToPath(new URL("load/near-end.js", import.meta.url));
const farEnd = fileURLToPath(new URL("load/far-end.js", import.meta.url));
/** RFC 2544's benchmark range. */
const hostIp = "198.18.1.1";
const clientIp = "198.18.1.2";
const server = `${hostIp}:48800`;
const localPort = 7001;
const times = { rounds: 7, roundMs: 1_000 };
const patienceMs = 60_000;
/** What a tunnel carries whole over any path, and what games and video send: whole where the path takes it. */
const sizes = [
  { bytes: 1_100, atMost: undefined },
  { bytes: 1_200, atMost: 8 },
];

export async function directFigures(): Promise<Figure[]> {
  const missing = await missingRequirement();
  if (missing !== undefined) {
    console.error(`Left out: one direct session between two namespaces, since ${missing}.`);
    return [];
  }
  const host = openNamespace("host");
  const client = openNamespace("client");
  const running: LabProcess[] = [];
  const start: Start = (where, args) => {
    const started = new LabProcess(where, process.execPath, args);
    running.push(started);
    return started;
  };
  try {
    joinByDevices(host, client);
    return await measureDirect(host, client, start);
  } finally {
    for (const each of running.toReversed()) await each.end("SIGKILL");
    for (const each of [host, client]) closeNamespace(each);
  }
}

type Start = (where: Namespace, args: readonly string[]) => LabProcess;

function joinByDevices(host: Namespace, client: Namespace): void {
  configureLinks(host, [
    `link add name net type veth peer name net netns ${client.name}`,
    "link set net up",
    `addr add ${hostIp}/24 dev net`,
  ]);
  configureLinks(client, ["link set net up", `addr add ${clientIp}/24 dev net`]);
}

async function measureDirect(host: Namespace, client: Namespace, start: Start): Promise<Figure[]> {
  const state = join(host.folder, "state");
  const serve = start(host, [command, "serve", "--json", "--public", hostIp, "--no-tls", "--state", state]);
  await serve.next(({ event }) => event === "listening");
  const ticket = runIn(host, process.execPath, [command, "ticket", "bench", "--state", state]).trim();
  const service = start(host, [farEnd]);
  const address = textIn(await service.next(({ event }) => event === "listening"), "address");
  const offer = ["--server", server, "--ticket", ticket, "--udp", address];
  const hosting = start(host, [command, "host", "--json", ...offer]);
  const invite = textIn(await hosting.next(({ event }) => event === "registered"), "invite");
  const local = ["--udp", `127.0.0.1:${localPort}`];
  const connecting = start(client, [command, "connect", invite, "--json", ...local]);
  await connecting.next(({ event }) => event === "direct");
  const figures: Figure[] = [];
  for (const { bytes, atMost } of sizes) {
    const { pid: nearPid } = connecting;
    const { pid: farPid } = hosting;
    const spec: NearSpec = { ...times, port: localPort, bytes, nearPid, farPid };
    const near = start(client, [nearEnd, JSON.stringify(spec)]);
    const { fields } = await near.next(({ event }) => event === "measured", patienceMs);
    figures.push(...figuresOf(bytes, atMost, JSON.parse(JSON.stringify(fields["measured"]))));
  }
  return figures;
}

function figuresOf(bytes: number, atMost: number | undefined, measured: readonly NearMeasured[]): Figure[] {
  const of = (field: keyof NearMeasured): number => median(measured.map((each) => each[field]));
  const bar = atMost === undefined ? {} : { atMost };
  const name = `one direct session, ${bytes} bytes`;
  return [
    { name: `${name}: CPU time of the sending end`, value: of("nearMicros"), unit: "us", ...bar },
    { name: `${name}: CPU time of the receiving end`, value: of("farMicros"), unit: "us", ...bar },
    { name: `${name}: goodput`, value: (8 * bytes * of("perSecond")) / 1e6, unit: "Mbit/s" },
  ];
}
