/**
 * The program behind the machine's figures: registers a million hosts with the server's machine in this process, and
 * prints what each of them takes of memory, and each kind of question of CPU time, as one line of JSON. Run it with
 * --expose-gc.
 */
import { Method } from "@fractal-punch/wire";
import { median } from "./figures.ts";
import { clientAddress, hostAddress, MachineHosts } from "./machine-hosts.ts";
import { MachineTurn, type TurnQuestion } from "./machine-turn.ts";

const few = 100_000;
const many = Number(process.argv[2] ?? 1_000_000);
/** Enough for all that is made once, and for the compiler. */
const warmUp = 2_000;
const rounds = 9;
const questionsARound = 5_000;
/** Longer than an unproven channel lives, shorter than a registration. */
const betweenRoundsMs = 6_000;
/** Coprime to the counts: it leads all over the tables. */
const stride = 7_919;

const none = new Uint8Array(0);

const hosts = new MachineHosts();
hosts.registerUpTo(warmUp);
const start = residentBytes();
hosts.registerUpTo(few);
const atFew = residentBytes();
hosts.registerUpTo(many);
const atMany = residentBytes();

let asked = 0;
const next = (): number => (asked++ * stride) % many;

console.log(
  JSON.stringify({
    bytesAtFew: (atFew - start) / (few - warmUp),
    bytesAtMany: (atMany - start) / (many - warmUp),
    refreshMicros: refreshMicros(),
    keepaliveMicros: keepaliveMicros(),
    introductionMicros: introductionMicros(),
    allocateMicros: allocateMicros(),
  }),
);

function refreshMicros(): number {
  return costOf(() => {
    const questions = Array.from({ length: questionsARound }, () => {
      const host = next();
      return { from: hostAddress(host), bytes: hosts.refresh(host) };
    });
    return { questions, answers: 1 };
  });
}

function keepaliveMicros(): number {
  return costOf(() => {
    const from = Array.from({ length: questionsARound }, () => hostAddress(next()));
    return { questions: from.map((address) => ({ from: address, bytes: hosts.keepalive() })), answers: 1 };
  });
}

/** With the end of the channels of the round before, which is a part of what an introduction costs. */
function introductionMicros(): number {
  return costOf(() => {
    const questions = Array.from({ length: questionsARound }, () => {
      const host = next();
      return { from: clientAddress(asked), bytes: hosts.connect(host) };
    });
    return { questions, answers: 2 };
  });
}

/** The first question, which is answered with 401, and the one that allocates. */
function allocateMicros(): number {
  const turn = new MachineTurn(hosts);
  const costs: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const from = Array.from({ length: questionsARound }, (_, client) => clientAddress(client));
    const asks = from.map(() => turn.ask());
    const refusals: Uint8Array[] = [];
    collect();
    const askMicros = cpuMicrosOf(() => {
      for (const [client, address] of from.entries()) {
        hosts.receive(address, asks[client] ?? none);
        refusals.push(hosts.out.last.slice());
      }
    });
    const names = from.map((_, client) => `${round}-${client}`);
    const signed = (method: number): TurnQuestion[] =>
      from.map((address, client) => turn.proof(address, names[client] ?? "", refusals[client] ?? none, method));
    const proofs = signed(Method.allocate);
    collect();
    const allocateCost = cpuMicrosOf(() => {
      for (const proof of proofs) turn.allocate(proof);
    });
    turn.check();
    costs.push((askMicros + allocateCost) / questionsARound);
    for (const release of signed(Method.refresh)) hosts.receive(release.from, release.bytes);
    turn.check();
    hosts.pass(betweenRoundsMs);
  }
  return median(costs.slice(1));
}

interface Round {
  readonly questions: readonly { readonly from: ReturnType<typeof hostAddress>; readonly bytes: Uint8Array }[];
  /** How many datagrams leave upon each. */
  readonly answers: number;
}

/** Median of CPU time for one question, the first round aside; what makes the questions is not in it. */
function costOf(prepare: () => Round): number {
  const costs: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const { questions, answers } = prepare();
    // What it took to make the questions is not to be collected while they are answered.
    collect();
    const before = hosts.out.sent;
    const micros = cpuMicrosOf(() => {
      hosts.pass(0);
      for (const { from, bytes } of questions) hosts.receive(from, bytes);
    });
    const sent = hosts.out.sent - before;
    if (sent !== answers * questions.length) throw new Error(`${sent} answers to ${questions.length} questions`);
    costs.push(micros / questions.length);
    hosts.now += betweenRoundsMs;
  }
  return median(costs.slice(1));
}

function cpuMicrosOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** After a collection. */
function residentBytes(): number {
  collect();
  return process.memoryUsage.rss();
}

function collect(): void {
  if (globalThis.gc === undefined) throw new Error("run this with --expose-gc");
  globalThis.gc();
  // Once more, because the first time frees array buffers in another thread, which the second time waits for.
  globalThis.gc();
}
