/**
 * Behaviour discovery (RFC 5780): from which of the server's addresses a Binding is answered, and what is said about
 * them. The answer goes to where the question came from, and nowhere else.
 */
import { type Address, addressScope, type PortId, withPort } from "@fractal-punch/machine";
import { Attribute, changeRequestOf, ErrorCode, responsePortOf, type StunMessage } from "@fractal-punch/wire";
import { type Refused, refused } from "./outcome.ts";
import type { Question } from "./question.ts";
import type { ServerState } from "./state.ts";

/** The largest Binding that is taken: clients find out with 1,500 bytes of PADDING whether fragments arrive. */
export const maxPaddedBytes = 2048;

/** Where a Binding is answered from. */
export interface Route {
  readonly port: PortId;
  /** RESPONSE-ORIGIN; absent when the server does not know how the asker knows that port. */
  readonly origin: Address | undefined;
  /** OTHER-ADDRESS; absent unless the server has two addresses (section 7.4). */
  readonly other: Address | undefined;
}

interface Corner {
  readonly port: PortId;
  readonly address: Address;
}

/** What CHANGE-REQUEST may ask for, in the order of `cornersOf`. */
const changes = [
  { ip: false, port: false },
  { ip: false, port: true },
  { ip: true, port: false },
  { ip: true, port: true },
] as const;

/** Whether these bytes may be a Binding request that is longer than other datagrams. */
export function isPaddedBinding(bytes: Uint8Array): boolean {
  return bytes.length <= maxPaddedBytes && bytes[0] === 0 && bytes[1] === 1;
}

/** Whether a Binding asks for more than its mapped address. */
export function isDiscovery(message: StunMessage): boolean {
  return message.has(Attribute.changeRequest) || message.has(Attribute.padding) || message.has(Attribute.responsePort);
}

/** Sections 6 and 6.1. */
export function routeOf(state: ServerState, { port, from, message }: Question): Route | Refused {
  const fault = responsePortFault(message, from);
  if (fault !== undefined) return fault;
  const corners = cornersOf(state, port, from);
  const other = corners?.[3]?.address;
  if (!message.has(Attribute.changeRequest)) return { port, origin: knownAddress(state, port, from), other };
  if (corners === undefined) return unsupported(Attribute.changeRequest);
  const change = changeRequestOf(message);
  const corner = change && corners[(change.ip ? 2 : 0) + (change.port ? 1 : 0)];
  return corner === undefined ? refused(ErrorCode.badRequest) : { port: corner.port, origin: corner.address, other };
}

/** The asker's own port is the only one that cannot be another's: behind a NAT the other ports of its address may be. */
function responsePortFault(message: StunMessage, from: Address): Refused | undefined {
  if (!message.has(Attribute.responsePort)) return undefined;
  const port = responsePortOf(message);
  if (port === undefined || message.has(Attribute.padding)) return refused(ErrorCode.badRequest);
  return port === from.port ? undefined : unsupported(Attribute.responsePort);
}

function unsupported(attribute: number): Refused {
  return { code: ErrorCode.unknownAttribute, unknown: [attribute] };
}

/** Two IP addresses and two numbers; `undefined` unless all four ports are open and it is known how the asker knows them. */
function cornersOf(state: ServerState, port: PortId, from: Address): readonly Corner[] | undefined {
  if (state.ports.otherThan(port, changes[3]) === undefined) return undefined;
  const [asked, byPort, byIp, byBoth] = changes.map((change) => {
    const id = state.ports.otherThan(port, change);
    const address = id === undefined ? undefined : knownAddress(state, id, from);
    return id === undefined || address === undefined ? undefined : { port: id, address };
  });
  if (!asked || !byPort || !byIp || !byBoth) return undefined;
  const haveSameNumbers = asked.address.port === byIp.address.port && byPort.address.port === byBoth.address.port;
  return haveSameNumbers ? [asked, byPort, byIp, byBoth] : undefined;
}

/**
 * How somebody there knows that port: by what it is bound to, or by the machine's public address where a NAT stands
 * between. Addresses of another scope than the asker's are not what it sees.
 */
function knownAddress({ ports, publicAddresses }: ServerState, port: PortId, from: Address): Address | undefined {
  const local = ports.localOf(port);
  if (local === undefined) return undefined;
  const ofFamily = publicAddresses.filter(({ family }) => family === local.family);
  const scope = addressScope(from);
  const known = [local, ofFamily[ports.rankOf(local)]].find((address) => address && addressScope(address) === scope);
  return known && withPort(known, local.port);
}
