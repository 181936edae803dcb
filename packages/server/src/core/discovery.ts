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

/** Whether these bytes may be a Binding request that is longer than other datagrams. */
export function isPaddedBinding(bytes: Uint8Array): boolean {
  return bytes.length <= maxPaddedBytes && bytes[0] === 0 && bytes[1] === 1;
}

/** Whether a Binding asks for more than its mapped address. */
export function isDiscovery(message: StunMessage): boolean {
  return message.has(Attribute.changeRequest) || message.has(Attribute.padding) || message.has(Attribute.responsePort);
}

/** Sections 6 and 6.1. Who does not ask is told of two addresses, since discovery begins with a plain Binding, and not of one. */
export function routeOf(state: ServerState, { port, from, message }: Question): Route | Refused {
  const fault = responsePortFault(message, from);
  if (fault !== undefined) return fault;
  const corners = state.ports.cornersOf(port);
  const other = corners && knownAddress(state, corners[3], from);
  if (!message.has(Attribute.changeRequest)) {
    const tells = other !== undefined || isDiscovery(message);
    return { port, origin: tells ? knownAddress(state, port, from) : undefined, other };
  }
  if (other === undefined) return unsupported(Attribute.changeRequest);
  const change = changeRequestOf(message);
  const answering = change && corners?.[(change.ip ? 2 : 0) + (change.port ? 1 : 0)];
  if (answering === undefined) return refused(ErrorCode.badRequest);
  return { port: answering, origin: knownAddress(state, answering, from), other };
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

/**
 * How somebody there knows that port: by what it is bound to, or by the machine's public address where a NAT stands
 * between. Addresses of another scope than the asker's are not what it sees.
 */
function knownAddress({ ports, publicAddresses }: ServerState, port: PortId, from: Address): Address | undefined {
  const local = ports.localOf(port);
  if (local === undefined) return undefined;
  const scope = addressScope(from);
  if (addressScope(local) === scope) return local;
  const known = publicAddresses.filter(({ family }) => family === local.family)[ports.rankOf(local)];
  return known && addressScope(known) === scope ? withPort(known, local.port) : undefined;
}
