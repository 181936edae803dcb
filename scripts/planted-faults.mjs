// Faults to plant, one at a time, in a copy of the machines: what the simulator's swarm has to find. `find` is source text
// that must be there exactly once.
const server = "packages/server/src/core";
const peer = "packages/peer/src/core";
const wire = "packages/wire/src";

export const plantedFaults = [
  {
    name: "the replay window takes the newest packet twice",
    file: `${peer}/replay-window.ts`,
    find: "this.#top = counter + 1;",
    replace: "this.#top = counter;",
  },
  {
    name: "the replay window is not told of new packets",
    file: `${peer}/session-keys.ts`,
    find: "this.#window.accept(counter);",
    replace: "",
  },
  {
    name: "a lost timer: requests to the server are not repeated",
    file: `${peer}/transaction.ts`,
    find: "this.#context.deadlines.set(this.#deadline, now + this.#timeoutMs);",
    replace: "this.#context.deadlines.set(this.#deadline, now + 1e9);",
  },
  {
    name: "a NAT's mapping is never refreshed: no keepalive",
    file: `${peer}/server-link.ts`,
    find: "this.#context.deadlines.set(this.#keepalive, now + keepaliveMs);",
    replace: "",
  },
  {
    name: "a probe is answered to the wrong address",
    file: `${peer}/session.ts`,
    find: 'this.sendFrameOn(now, route, { kind: "probe-reply", id: frame.id, seen: route.remote }, out);',
    replace: 'this.sendFrame(now, { kind: "probe-reply", id: frame.id, seen: route.remote }, out);',
  },
  {
    name: "a path is not left when it is dead",
    file: `${peer}/timing.ts`,
    find: "export const deadMs = 1200;",
    replace: "export const deadMs = 1_200_000;",
  },
  {
    name: "keys are not renewed",
    file: `${peer}/key-ring.ts`,
    find: 'this.#session.role === "client" ? now + rekeyMs : Infinity',
    replace: 'this.#session.role === "client" ? now + 1e9 : Infinity',
  },
  {
    name: "new keys are not taken into use",
    file: `${peer}/key-ring.ts`,
    find: "    this.current = keys;\n",
    replace: "    this.current ??= keys;\n",
  },
  {
    name: "the host remembers sessions that have ended",
    file: `${peer}/host.ts`,
    find: "this.#guests.remove(session);",
    replace: "",
  },
  {
    name: "a channel's number may be taken already",
    file: `${server}/channels.ts`,
    find: "if (number !== except && !taken?.has(number)) return number;",
    replace: "if (number !== except || taken) return firstChannel;",
  },
  {
    name: "a channel of a host with both families leads back to whoever sent",
    file: `${server}/channels.ts`,
    find: "const other = channel === pair.client ? pair.host : pair.client;",
    replace:
      "const other = pair.registration.liveLegs.length > 1 ? channel : channel === pair.client ? pair.host : pair.client;",
  },
  {
    name: "an introduction's record is never removed",
    file: `${server}/introductions.ts`,
    find: "rows.setDouble(made, endsAtAt, now + this.#limits.introductionLifeMs);",
    replace: "rows.setDouble(made, endsAtAt, now + 1e12);",
  },
  {
    name: "an idle channel never ends",
    file: `${server}/channels.ts`,
    find: "return Math.min(pair.activeAt + lifeMs, this.#clock.at(pair.ticket.expiresAtMs));",
    replace: "return lifeMs + this.#clock.at(pair.ticket.expiresAtMs);",
  },
  {
    name: "introductions are signed with the client's key",
    file: `${server}/connect.ts`,
    find: "const signature = { macs: primitives, key: registration.key };",
    replace: "const signature = { macs: primitives, key };",
  },
  {
    name: "a rate's bucket is not refilled once it was used",
    file: `${server}/bucket.ts`,
    find: "return Math.min(Math.max(fullAt, now) + tokens * this.msPerToken, now + this.burst * this.msPerToken);",
    replace: "return Math.max(fullAt, now) + tokens * this.msPerToken + 1e9;",
  },
  {
    name: "the proof of a client's address is not noted",
    file: `${server}/connect.ts`,
    find: "    state.channels.prove(pair);\n",
    replace: "",
  },
  {
    name: "the forwarding plane relays under the sender's channel number",
    file: `${server}/forwarding/relay-forwarder.ts`,
    find: "      memory[start + 1] = this.#outNumber;\n",
    replace: "",
  },
  {
    name: "the forwarding plane does not note when it relayed",
    file: `${server}/forwarding/relay-forwarder.ts`,
    find: "rules.times[(rules.ruleAt(rule) + field.activeAt) >> 1] = now;",
    replace: "",
  },
  {
    name: "a channel's rules outlive it",
    file: `${server}/channels.ts`,
    find: "if (pair.proven) pair.client.tuple.trust--;\n    this.#withdraw(pair);\n",
    replace: "if (pair.proven) pair.client.tuple.trust--;\n    this.#learnActivity(pair);\n",
  },
  {
    name: "rules that are written anew are not withdrawn before",
    file: `${server}/channels.ts`,
    find: "    this.#withdraw(pair);\n    const { client, host } = pair;\n",
    replace: "    const { client, host } = pair;\n",
  },
  {
    name: "an ended channel's cells of credit stay open",
    file: `${server}/channels.ts`,
    find: "      this.#rules.closeCell(channel.credit);\n",
    replace: "",
  },
  {
    name: "IPv6 addresses are written without the transaction id",
    file: `${wire}/builder.ts`,
    find: "for (let i = at; i < end; i++) this.#arena[i]",
    replace: "for (let i = at; i < Math.min(end, at + 4); i++) this.#arena[i]",
  },
  {
    name: "a datagram of the application loses its last byte when it is large",
    file: `${peer}/session-keys.ts`,
    find: "frame.subarray(1)",
    replace: "frame.subarray(1, 1191)",
  },
  {
    name: "a peer stays on TLS when UDP is back",
    file: `${peer}/uplink.ts`,
    find: "if (this.#requestsByTls) this.#toUdp(now, out);",
    replace: "",
  },
  {
    name: "relayed datagrams leave their way before the server knows the other",
    file: `${peer}/uplink.ts`,
    find: "const isBetween = isRelayed && this.#requestsByTls !== this.#relayedByTls;",
    replace: "const isBetween = false;",
  },
  {
    name: "MTU: a size that does not pass any more is held to be proven",
    file: `${peer}/mtu-search.ts`,
    find: "if (this.#triedBytes === this.limitBytes) this.limitBytes = maxPayloadBytes;",
    replace: "",
  },
  {
    name: "MTU: what one path has proven is held to be so for the next",
    file: `${peer}/mtu-search.ts`,
    find: "    this.#path = path;\n    this.limitBytes = maxPayloadBytes;\n",
    replace: "    this.#path = path;\n",
  },
  {
    name: "MTU: no path is tried",
    file: `${peer}/mtu-search.ts`,
    find: "return bytes > this.limitBytes ? bytes : 0;",
    replace: "return 0;",
  },
  {
    name: "MTU: probes and datagrams may be fragmented on their way",
    file: `${peer}/path-keeper.ts`,
    find: "Object.freeze({ dontFragment: true })",
    replace: "Object.freeze({ dontFragment: false })",
  },
  {
    name: "MTU: a reply to any probe proves what is tried",
    file: `${peer}/mtu-search.ts`,
    find: "if (path !== this.#path || !this.#tries.includes(id)) return false;",
    replace: "if (path !== this.#path || this.#triedBytes === 0) return false;",
  },
];
