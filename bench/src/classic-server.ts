/** The server of the classic figures: it has room for all who wait, and tells a cloud computer of any number of clients. */
import { serve } from "@fractal-punch/server";
import { entries, lifeMs } from "./classic-load.ts";

const unlimited = { perSecond: 1e9, burst: 1e9 };
const [stateFolder = ""] = process.argv.slice(2);
const server = await serve({
  stateFolder,
  listen: ["127.0.0.1"],
  port: 0,
  secondPort: null,
  publicNames: ["127.0.0.1"],
  limits: { classicEntries: entries, buckets: entries, classicNoticeRate: unlimited, classicLifeMs: lifeMs },
  onEvent: () => undefined,
});
process.on("SIGTERM", () => void server.close());
console.log(JSON.stringify({ event: "listening", port: server.listening[0]?.port }));
