/** Our own client, and what our server mints, at coturn's server. */
import type { Case } from "./case.ts";
import { allBack, answered } from "./judgements.ts";

const client = "NODE dist/stun-client-program.js";

export const clientCases: readonly Case[] = [
  {
    name: "coturn's server: our Binding",
    command: `${client} COTURN`,
    judge: answered({ isRelayed: false }),
  },
  {
    name: "coturn's server: our Binding, by IPv6",
    command: `${client} COTURN_IPV6`,
    judge: answered({ isRelayed: false }),
  },
  {
    name: "coturn's server: our Allocate",
    command: `${client} COTURN USER PASSWORD`,
    judge: answered({ isRelayed: true }),
  },
  {
    name: "coturn's server: what our server mints",
    command: "turnutils_uclient -v -y -c -n 10 -u USER -w PASSWORD -p COTURN_PORT 127.0.0.1",
    judge: allBack(20),
  },
];
