/** The numbers of the wire: STUN (RFC 8489), TURN (RFC 8656, 6062, 8016), behaviour discovery (RFC 5780) and our own. */

export const magicCookie = 0x2112_a442;

/** The largest UDP payload that is sent before a path's MTU is proven: IPv6's minimum MTU less its headers. */
export const maxPayloadBytes = 1232;

/** The largest that is ever sent between peers: what Ethernet carries, less the headers of IPv4 and UDP. */
export const largestPayloadBytes = 1472;

export const Method = {
  binding: 0x001,
  allocate: 0x003,
  refresh: 0x004,
  send: 0x006,
  data: 0x007,
  createPermission: 0x008,
  channelBind: 0x009,
  /** RFC 6062's Connect. */
  tcpConnect: 0x00a,
  connectionBind: 0x00b,
  connectionAttempt: 0x00c,
  register: 0x081,
  connect: 0x082,
  introduce: 0x083,
  report: 0x084,
} as const;

export const MessageClass = { request: 0, indication: 1, success: 2, error: 3 } as const;
export type MessageClass = (typeof MessageClass)[keyof typeof MessageClass];

export const Attribute = {
  mappedAddress: 0x0001,
  changeRequest: 0x0003,
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  channelNumber: 0x000c,
  lifetime: 0x000d,
  xorPeerAddress: 0x0012,
  data: 0x0013,
  realm: 0x0014,
  nonce: 0x0015,
  xorRelayedAddress: 0x0016,
  requestedAddressFamily: 0x0017,
  evenPort: 0x0018,
  requestedTransport: 0x0019,
  dontFragment: 0x001a,
  messageIntegritySha256: 0x001c,
  passwordAlgorithm: 0x001d,
  userhash: 0x001e,
  xorMappedAddress: 0x0020,
  reservationToken: 0x0022,
  padding: 0x0026,
  responsePort: 0x0027,
  connectionId: 0x002a,
  additionalAddressFamily: 0x8000,
  addressErrorCode: 0x8001,
  passwordAlgorithms: 0x8002,
  icmp: 0x8004,
  software: 0x8022,
  fingerprint: 0x8028,
  responseOrigin: 0x802b,
  otherAddress: 0x802c,
  mobilityTicket: 0x8030,
  hostId: 0x4650,
  instance: 0x4651,
  sequence: 0x4652,
  hostProof: 0x4653,
  serverKey: 0x4654,
  time: 0x4655,
  firstMessage: 0x4656,
  resume: 0x4657,
  proven: 0x4658,
  verdict: 0x4659,
  epoch: 0xc650,
  dialledAddress: 0xc651,
  tlsEntrance: 0xc652,
} as const;

export const ErrorCode = {
  badRequest: 400,
  unauthenticated: 401,
  forbidden: 403,
  mobilityForbidden: 405,
  unknownAttribute: 420,
  allocationMismatch: 437,
  staleNonce: 438,
  addressFamilyNotSupported: 440,
  wrongCredentials: 441,
  unsupportedTransport: 442,
  peerAddressFamilyMismatch: 443,
  connectionAlreadyExists: 446,
  connectionTimeout: 447,
  ticketWrong: 460,
  ticketExpired: 461,
  ticketRevoked: 462,
  ticketScope: 463,
  timeOff: 464,
  hostNotRegistered: 465,
  replaced: 466,
  /** TURN's Allocation Quota Reached. */
  limitReached: 486,
  serverError: 500,
  /** TURN's Insufficient Capacity. */
  serverFull: 508,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** Channels of sessions and of TURN: RFC 8656 section 12 allows 0x4000-0x4FFF. */
export const firstChannel = 0x4000;
export const lastChannel = 0x4fff;
/** What TURN clients of RFC 5766 take as well, coturn's among them. */
export const lastTurnChannel = 0x7fff;
