/** The server of the classic figures, which keeps all who wait for as long as that takes. Loopback has no rates. */
import { serve } from "@fractal-punch/server";
import { entries, lifeMs } from "./classic-load.ts";

const [stateFolder = ""] = process.argv.slice(2);
const server = await serve({
  stateFolder,
  listen: ["127.0.0.1"],
  port: 0,
  secondPort: null,
  tls: null,
  publicNames: ["127.0.0.1"],
  limits: { classicEntries: entries, classicLifeMs: lifeMs },
  onEvent: () => undefined,
});
process.on("SIGTERM", () => void server.close());
console.log(JSON.stringify({ event: "listening", port: server.listening[0]?.port }));
