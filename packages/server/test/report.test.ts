import assert from "node:assert/strict";
import { test } from "node:test";
import { nodePrimitives as macs } from "@fractal-punch/udp/primitives";
import { encodeReport, encodeVerdict, StunBuilder, unknownProfile, type VerdictReport } from "@fractal-punch/wire";
import { connectPair, type TestHost, ticketSignature } from "./test-peers.ts";
import { TestServer } from "./test-server.ts";

const builder = new StunBuilder();

test("a client's verdict under its ticket, and a host's under its registration key, are counted and told", () => {
  const server = new TestServer();
  const { host, client } = connectPair(server);
  assert.deepEqual(server.receive(client.address, clientReport(server, client, verdict("client"))), []);
  assert.deepEqual(server.receive(host.address, hostReport(server, host, verdict("host"))), []);
  assert.equal(server.server.counters.reports.of("direct/direct"), 2);
  const events = server.takeEvents("report");
  assert.deepEqual(
    events.map(({ hostId, from }) => ({ hostId, from })),
    [
      { hostId: host.hostId, from: client.address },
      { hostId: host.hostId, from: host.address },
    ],
  );
  assert.deepEqual(events[0]?.verdict, verdict("client"));
});

test("a verdict that is forged, of the other role, or altered is not", () => {
  const server = new TestServer();
  const { host, client } = connectPair(server);
  const forged = clientReport(server, client, verdict("client"));
  forged[forged.length - 20] = (forged[forged.length - 20] ?? 0) ^ 1;
  server.receive(client.address, forged);
  server.receive(client.address, clientReport(server, client, verdict("host")));
  server.receive(host.address, hostReport(server, host, verdict("client")));
  host.key = new Uint8Array(32);
  server.receive(host.address, hostReport(server, host, verdict("host")));
  server.receive(client.address, clientReport(server, client, verdict("client"), new Uint8Array(900)));
  const { counters } = server.server;
  assert.deepEqual([...counters.reports.entries()], []);
  const drops = ["bad-fingerprint", "bad-integrity", "malformed"] as const;
  assert.deepEqual(
    drops.map((word) => counters.dropped.of(word)),
    [1, 1, 3],
  );
});

test("reportRate holds the reports under one ticket", () => {
  const server = new TestServer({ limits: { reportRate: { perSecond: 1, burst: 5 } } });
  const { client } = connectPair(server);
  for (let i = 0; i < 10; i++) server.receive(client.address, clientReport(server, client, verdict("client")));
  assert.equal(server.server.counters.reports.of("direct/direct"), 5);
});

function verdict(role: VerdictReport["role"]): VerdictReport {
  return {
    role,
    path: "direct",
    reason: "direct",
    ownProfile: unknownProfile,
    otherProfile: unknownProfile,
    rttMs: 12,
  };
}

type Client = ReturnType<typeof connectPair>["client"];

function clientReport(
  server: TestServer,
  client: Client,
  report: VerdictReport,
  behind = new Uint8Array(0),
): Uint8Array {
  const { username } = client.ticket;
  const value = Uint8Array.from([...encodeVerdict(report), ...behind]);
  return encodeReport(builder, server.transactionId(), { username }, value, ticketSignature(client.ticket)).slice();
}

function hostReport(server: TestServer, host: TestHost, report: VerdictReport): Uint8Array {
  const from = { hostKey: host.publicKey };
  return encodeReport(builder, server.transactionId(), from, encodeVerdict(report), { macs, key: host.key }).slice();
}
