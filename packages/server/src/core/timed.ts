import type { Pair } from "./channels.ts";
import type { Account } from "./quotas.ts";
import type { Registration } from "./registration.ts";
import type { Allocation } from "./turn/allocation.ts";
import type { Pipe } from "./turn/pipe.ts";
import type { Reservation } from "./turn/reservations.ts";

/** Whatever has a deadline in the server's one heap. */
export type Timed = Registration | Pair | Account | Allocation | Pipe | Reservation;
