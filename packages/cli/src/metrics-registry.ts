/** What a running server has counted, as metrics. Every value is the server's own, read when it is asked for. */
import type { RunningServer } from "@fractal-punch/server";
import { Counter, Gauge, Registry } from "prom-client";

type Sample = readonly [labels: Readonly<Record<string, string | number>>, value: number];

/** The metrics of one server (docs/operations.md lists them); nothing runs between two scrapes. */
export function metricsRegistry(server: RunningServer): Registry {
  const registry = new Registry();
  for (const metric of [...serverCounters(server), ...driverCounters(server), ...gauges(server)])
    registry.registerMetric(metric);
  return registry;
}

function serverCounters(server: RunningServer): Counter[] {
  // Those of what is forwarded are up to date when they are asked for.
  const { dropped, refused, reports, classic, streams, challenges } = server.counters;
  return [
    counter("served_total", "Questions answered, reports taken, datagrams relayed.", ["what"], () =>
      labelled("what", server.counters.served.entries()),
    ),
    counter("dropped_total", "Datagrams that nobody was told about.", ["reason"], () =>
      labelled("reason", dropped.entries()),
    ),
    counter("refused_total", "Refusals, by error code.", ["code"], () => labelled("code", refused.entries())),
    counter("reports_total", "Peers' verdicts on their sessions.", ["path", "reason"], () =>
      Array.from(reports.entries(), ([word, count]): Sample => {
        const [path = "", reason = ""] = word.split("/");
        return [{ path, reason }, count];
      }),
    ),
    counter("relayed_bytes_total", "Bytes relayed.", [], () => [[{}, server.counters.relayedBytes]]),
    counter("challenge_bytes_total", "TURN's refusals to who is not known, and their questions.", ["direction"], () => [
      [{ direction: "question" }, challenges.questionBytes],
      [{ direction: "answer" }, challenges.answerBytes],
    ]),
    counter("channel_hints_total", "Hints to peers that their channel is not known.", [], () => [
      [{}, server.counters.hints],
    ]),
    counter("classic_total", "What came by the classic protocols, and what became of it.", ["word"], () =>
      labelled("word", classic.entries()),
    ),
    counter("streams_total", "TCP connections taken, and what was wrong with others.", ["word"], () =>
      labelled("word", streams.entries()),
    ),
  ];
}

function driverCounters({ driverCounters: driver }: RunningServer): Counter[] {
  return [
    counter("datagrams_received_total", "Datagrams received, and pieces of TCP streams.", [], () => [
      [{}, driver.received],
    ]),
    counter("datagrams_sent_total", "Datagrams sent, and writes to TCP streams.", [], () => [[{}, driver.sent]]),
    counter(
      "datagrams_lost_total",
      "Lost on this machine, by the driver's reason or the system's error code.",
      ["reason"],
      () => labelled("reason", driver.drops),
    ),
  ];
}

function gauges(server: RunningServer): Gauge[] {
  const startSeconds = Date.now() / 1000 - process.uptime();
  return [
    gauge("fractal_punch_entries", "Entries in each table.", ["table"], () =>
      labelled("table", Object.entries(server.sizes)),
    ),
    gauge("process_resident_memory_bytes", "Resident memory of the process.", [], () => [
      [{}, process.memoryUsage.rss()],
    ]),
    gauge("process_start_time_seconds", "When the process started, since 1970.", [], () => [[{}, startSeconds]]),
  ];
}

function counter(name: string, help: string, labelNames: readonly string[], samples: () => Iterable<Sample>): Counter {
  return new Counter({
    name: `fractal_punch_${name}`,
    help,
    labelNames,
    registers: [],
    collect() {
      // The samples are totals, and a Counter can only add.
      this.reset();
      for (const [labels, total] of samples()) this.inc(labels, total);
    },
  });
}

function gauge(name: string, help: string, labelNames: readonly string[], samples: () => Iterable<Sample>): Gauge {
  return new Gauge({
    name,
    help,
    labelNames,
    registers: [],
    collect() {
      for (const [labels, value] of samples()) this.set(labels, value);
    },
  });
}

function labelled(name: string, counts: Iterable<readonly [string | number, number]>): Sample[] {
  return Array.from(counts, ([word, count]): Sample => [{ [name]: word }, count]);
}
