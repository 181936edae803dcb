/** The numbers of the wire: STUN (RFC 8489), TURN (RFC 8656), behaviour discovery (RFC 5780) and our own. */

export const magicCookie = 0x2112_a442;

/** The largest UDP payload that is sent before a path's MTU is proven: IPv6's minimum MTU less its headers. */
export const maxPayloadBytes = 1232;

export const Method = {
  binding: 0x001,
  register: 0x081,
  connect: 0x082,
  introduce: 0x083,
  report: 0x084,
} as const;

export const MessageClass = { request: 0, indication: 1, success: 2, error: 3 } as const;
export type MessageClass = (typeof MessageClass)[keyof typeof MessageClass];

export const Attribute = {
  mappedAddress: 0x0001,
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  channelNumber: 0x000c,
  lifetime: 0x000d,
  xorPeerAddress: 0x0012,
  realm: 0x0014,
  nonce: 0x0015,
  messageIntegritySha256: 0x001c,
  xorMappedAddress: 0x0020,
  padding: 0x0026,
  software: 0x8022,
  fingerprint: 0x8028,
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
} as const;

export const ErrorCode = {
  badRequest: 400,
  unauthenticated: 401,
  unknownAttribute: 420,
  staleNonce: 438,
  ticketWrong: 460,
  ticketExpired: 461,
  ticketRevoked: 462,
  ticketScope: 463,
  timeOff: 464,
  hostNotRegistered: 465,
  replaced: 466,
  limitReached: 486,
  serverError: 500,
  serverFull: 508,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** Session channels: RFC 8656 section 12 allows 0x4000-0x4FFF. */
export const firstChannel = 0x4000;
export const lastChannel = 0x4fff;
