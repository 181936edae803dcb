import assert from "node:assert/strict";
import { blockedSides, blockUdp, bothMasqueraded, numberIn, offer, ping, serve, textIn } from "@fractal-punch/lab";
import { labTest } from "./lab-test.ts";

for (const { name, ends, reason } of blockedSides)
  labTest(`${name}: every ping is answered over the relay, and the verdict says why`, async (lab) => {
    const placement = await bothMasqueraded.place(lab.topology);
    blockUdp(placement, ends, true);
    await serve(lab, placement.server);
    const { invite, process } = await offer(lab, placement.server, placement.host);
    const pings = ping(lab, placement.client, invite, "--count", "20", "--interval", "0.1");
    const connected = await pings.next(({ event }) => event === "connected");
    assert.equal(textIn(connected, "transport"), ends.includes("client") ? "tls" : "udp");
    const session = await process.next(({ event }) => event === "session");
    assert.equal(textIn(session, "transport"), ends.includes("host") ? "tls" : "udp");
    const verdict = await pings.next(({ event }) => event === "verdict", 20_000);
    assert.equal(textIn(verdict, "path"), "relayed");
    assert.equal(textIn(verdict, "reason"), reason);
    await pings.ended;
    assert.equal(pings.events.filter(({ event }) => event === "reply").length, 20);
  });

labTest("when UDP passes again in mid-session, the path becomes direct", async (lab) => {
  const placement = await bothMasqueraded.place(lab.topology);
  blockUdp(placement, ["client", "host"], true);
  await serve(lab, placement.server);
  const { invite } = await offer(lab, placement.server, placement.host);
  const pings = ping(lab, placement.client, invite, "--until-direct", "--interval", "0.05");
  await pings.next(({ event }) => event === "reply");
  blockUdp(placement, ["client", "host"], false);
  await pings.next(({ event }) => event === "direct", 30_000);
  await pings.ended;
  const replies = pings.events.filter(({ event }) => event === "reply").map((reply) => numberIn(reply, "seq"));
  assert.deepEqual(
    replies,
    replies.map((_, index) => index + 1),
    "none is lost on the way",
  );
});
