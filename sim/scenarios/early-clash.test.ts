import assert from "node:assert/strict";
import { test } from "node:test";
import { linuxMasquerade, Pair, portRestrictedCone, type RouterBehaviour } from "@fractal-punch/sim";
import { between } from "./places.ts";

/** The server is far from one end: its introduction comes after the other end's first probe (c > h+d, or h > c+d). */
const far = { delayMs: 150 };

const routers: Record<string, [RouterBehaviour, RouterBehaviour]> = {
  "at the client's NAT": [linuxMasquerade, portRestrictedCone],
  "at the host's NAT": [portRestrictedCone, linuxMasquerade],
  "at both NATs": [linuxMasquerade, linuxMasquerade],
};

for (const [where, [client, host]] of Object.entries(routers)) {
  test(`the server is far from the client: the early packet clash ${where} ends direct`, () => {
    endsDirect(client, host, "client");
  });

  test(`the server is far from the host: the early packet clash ${where} ends direct`, () => {
    endsDirect(client, host, "host");
  });
}

function endsDirect(client: RouterBehaviour, host: RouterBehaviour, slow: "client" | "host"): void {
  const pair = new Pair(between(client, host));
  pair.world.impair(pair[slow], pair.server, far);
  pair.begin().connected();
  pair.stream(60, 100);
  pair.pass(6000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
}
