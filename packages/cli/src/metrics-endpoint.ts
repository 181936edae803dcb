/** The address where a running server's metrics are fetched: GET /metrics over HTTP. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type Address, addressText, ipText, withPort } from "@fractal-punch/machine";
import { type RunningServer, ServerError } from "@fractal-punch/server";
import type { Registry } from "prom-client";
import { metricsRegistry } from "./metrics-registry.ts";

/** A client that is slower than this is closed. */
const requestMs = 5_000;
/** Far more than scrape at once, and too few to use up the process's descriptors. */
const maxConnections = 32;

export interface MetricsEndpoint {
  /** Where it listens: an IP address and port. */
  readonly address: string;
  /** Resolves when it is closed, with all its connections. */
  readonly close: () => Promise<void>;
}

/** Resolves when it listens at `address`. Rejects with a ServerError: PORT_IN_USE, PORT_DENIED or PORT. */
export async function openMetricsEndpoint(address: Address, server: RunningServer): Promise<MetricsEndpoint> {
  const registry = metricsRegistry(server);
  const timeouts = { headersTimeout: requestMs, requestTimeout: requestMs, connectionsCheckingInterval: requestMs };
  const http = createServer(timeouts, (request, response) => {
    // Without its metrics the server goes on.
    answer(registry, request, response).catch(() => response.destroy());
  });
  http.maxConnections = maxConnections;
  http.listen(address.port, ipText(address));
  try {
    await once(http, "listening");
  } catch (error) {
    throw listenError(address, error);
  }
  // A connection that could not be accepted is the scraper's loss, which it notices.
  http.on("error", () => {});
  const bound = http.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
  return { address: addressText(withPort(address, port)), close: () => close(http) };
}

async function answer(registry: Registry, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Scrapes are far apart: no connection is kept for the next one.
  response.setHeader("connection", "close");
  const [path] = (request.url ?? "").split("?");
  if (path !== "/metrics") return say(response, 404, "Not found. The metrics are at /metrics.");
  if (request.method !== "GET") {
    response.setHeader("allow", "GET");
    return say(response, 405, "The metrics can only be read, with GET.");
  }
  const text = await registry.metrics();
  response.writeHead(200, { "content-type": registry.contentType }).end(text);
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${text}\n`);
}

function close(http: Server): Promise<void> {
  return new Promise((resolve) => {
    http.close(() => resolve());
    http.closeAllConnections();
  });
}

function listenError(address: Address, error: unknown): ServerError {
  const place = `TCP ${addressText(address)} for --metrics`;
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  switch (code) {
    case "EADDRINUSE": {
      const remedy = "Stop the program that has it, or choose another port.";
      return new ServerError("PORT_IN_USE", `${place} is in use. ${remedy}`, error);
    }
    case "EACCES":
      return new ServerError("PORT_DENIED", `This user may not open ${place}. Choose a port above 1023.`, error);
    default:
      return new ServerError("PORT", `${place} cannot be opened (${code}).`, error);
  }
}
