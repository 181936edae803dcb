/** What a program has to have done for its case to hold: its exit code and its own numbers. */
import { clientReport } from "./client-report.ts";
import { discoveryReport } from "./discovery-report.ts";
import { pairReport } from "./pair-report.ts";
import type { Ended } from "./program.ts";
import { uclientReport } from "./uclient-report.ts";

export interface Judgement {
  readonly holds: boolean;
  /** For people. */
  readonly seen: string;
}

export type Judge = (ended: Ended) => Judgement;

/** turnutils_uclient: so many messages of so many bytes came back through relayed addresses of that family, none lost. */
export function allBack(messages: number, { lengthBytes = 100, family = 4, mayRefuse }: Relayed = {}): Judge {
  return ({ code, output }) => {
    const report = uclientReport(output);
    if (report === undefined || report.isRefused) return notFinished(code, report?.errors ?? []);
    const { sent, received, receivedBytes, lost, dropped, relayedAddresses, errors } = report;
    const holds =
      code === 0 &&
      sent === messages &&
      received === messages &&
      receivedBytes === messages * lengthBytes &&
      lost + dropped === 0 &&
      errors.every((error) => mayRefuse?.test(error)) &&
      relayedAddresses.length > 0 &&
      relayedAddresses.every((address) => familyOf(address) === family);
    const families = [...new Set(relayedAddresses.map((address) => `IPv${familyOf(address)}`))].join(" and ");
    const bytes = `${receivedBytes} bytes`;
    return {
      holds,
      seen: `${received} of ${messages} back (${bytes}), ${lost + dropped} lost, relayed by ${families}`,
    };
  };
}

/** turnutils_uclient -P: it counts what its peers send as well, to which nothing is to come back. */
export function halfBack(messages: number): Judge {
  return ({ code, output }) => {
    const report = uclientReport(output);
    if (report === undefined || report.isRefused) return notFinished(code, report?.errors ?? []);
    const { sent, received, dropped, errors } = report;
    const holds = code === 0 && sent === messages && received === messages / 2 && dropped + errors.length === 0;
    return { holds, seen: `${received} of ${messages} back, as many as are answered` };
  };
}

interface Relayed {
  readonly lengthBytes?: number;
  readonly family?: 4 | 6;
  /** Error responses that are as good as success. */
  readonly mayRefuse?: RegExp;
}

/** turnutils_uclient: it got no allocation and ended with an error, with that error code where the program names one. */
export function refused(errorCode?: number): Judge {
  return ({ code, output }) => {
    const report = uclientReport(output);
    if (report?.isRefused !== true) return { holds: false, seen: `was not refused (exit code ${code})` };
    const { relayedAddresses, errors } = report;
    const named = errorCode === undefined ? errors.length === 0 : errors[0]?.startsWith(`${errorCode} `) === true;
    return {
      holds: code !== 0 && relayedAddresses.length === 0 && named,
      seen: `refused: ${errors[0] ?? "no allocation"}`,
    };
  };
}

/** turnutils_stunclient: it is told the address that it asked from. */
export function mapped(ip: string): Judge {
  return ({ code, output }) => {
    const addresses = discoveryReport(output).mapped;
    const [address = "no address"] = addresses;
    const holds = code === 0 && addresses.length === 1 && address.startsWith(`${ip}:`);
    return { holds, seen: `mapped to ${address}` };
  };
}

/** Behaviour discovery by a program that then says what kind of NAT it is behind. */
export function natIs(nat: string): Judge {
  return ({ code, output }) => {
    const report = discoveryReport(output);
    return { holds: code === 0 && report.timeouts === 0 && report.nat === nat, seen: report.nat ?? "no kind of NAT" };
  };
}

export function hairpins({ code, output }: Ended): Judgement {
  const { isHairpinning, others, timeouts } = discoveryReport(output);
  const holds = code === 0 && isHairpinning && others.length > 0 && timeouts === 0;
  return { holds, seen: isHairpinning ? "its own request came to it" : "no request came to it" };
}

/** Behaviour discovery: so many responses, all from the addresses that were asked, or asked to answer. */
export function responses(count: number): Judge {
  return ({ code, output }) => {
    const report = discoveryReport(output);
    const { origins, others, timeouts } = report;
    const complete = [report.responses, report.mapped.length, origins.length, others.length].every((n) => n === count);
    const from = [...new Set(origins)].join(" and ");
    return {
      holds: code === 0 && complete && timeouts === 0,
      seen: `${report.responses} of ${count} responses, from ${from}`,
    };
  };
}

/** Two ICE agents: all messages came, both ways, over a pair of such candidates. */
export function connected(...pairs: readonly [RegExp, RegExp]): Judge {
  return ({ code, output }) => {
    const report = pairReport(output);
    if (report === undefined) return notFinished(code, []);
    const { sent, received } = report;
    const holds =
      code === 0 && sent > 0 && received === sent && pairs.every((pair, at) => pair.test(report.pairs[at] ?? ""));
    return { holds, seen: `${received} of ${sent} arrived, over ${report.pairs.join(" and ")}` };
  };
}

/** stun-client-program.ts: told its own address; when it is relayed, given a relayed one too, in an answer that is signed. */
export function answered({ isRelayed }: { readonly isRelayed: boolean }): Judge {
  return ({ code, output }) => {
    const report = clientReport(output);
    if (report === undefined) return notFinished(code, []);
    const { local, relayed, hasFingerprint, hasIntegrity } = report;
    const holds =
      code === 0 &&
      report.code === undefined &&
      report.mapped === local &&
      hasFingerprint &&
      (relayed !== undefined) === isRelayed &&
      hasIntegrity === isRelayed;
    const rest = report.code === undefined ? (relayed ?? "nobody") : `nobody, error ${report.code}`;
    return { holds, seen: `mapped to ${report.mapped}, relayed by ${rest}` };
  };
}

function notFinished(code: number | string, errors: readonly string[]): Judgement {
  return { holds: false, seen: errors[0] === undefined ? `did not finish (${code})` : `error ${errors[0]}` };
}

function familyOf(address: string): 4 | 6 {
  return address.split(":").length > 2 ? 6 : 4;
}
