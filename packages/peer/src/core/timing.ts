/** How long things take, in ms, and how many of them there may be; docs/protocol.md and DESIGN's sections are the source. */

/** Retransmission to the server, when the round trip is not known. */
export const firstTimeoutMs = 75;
export const longestTimeoutMs = 2000;
/** Of a first Connect: somebody waits for it, and six links have to be lucky at once before its answer is here. */
export const longestConnectTimeoutMs = 400;
/** A Connect that the server has not answered by then is asked under another transaction id. */
export const silentConnectMs = 2500;

/** A server or a host that has not answered a client by then is not there. */
export const connectPatienceMs = 10_000;

/** Of UDP, after which TLS is tried beside it; where there are two sockets, both are silent for a little longer. */
export const tlsAfterMs = 700;
export const tlsConfirmMs = 300;
/** Of a TLS connection, after which it is given up; and how long after one was dialled the next may be. */
export const tlsSilentMs = 5000;
export const tlsRedialMs = 2000;
/** What is still on its way over TLS when UDP has taken over. */
export const tlsLingerMs = 5000;
/** UDP is asked like this while TLS is in use, less and less often until it has worked for so long. */
export const firstUdpProbeMs = 1000;
export const longestUdpProbeMs = 10_000;
export const udpSteadyMs = 60_000;

export const keepaliveMs = 20_000;
export const registerRefreshMs = 60_000;

/** A path is probed like this in a round: after 5, 10, 20 ms and so on, because probes that cross can kill each other. */
export const firstProbeGapMs = 5;
export const roundMs = 2000;

/** The application is at work as long as it sent or received in this time. */
export const activeMs = 5000;
export const activeProbeMs = 300;
/** What loses one try of a packet's size is not to lose the next: a path's own probes leave close together at times. */
export const mtuTryGapMs = 250;
/** While large packets are sent, their size is tried again this often. */
export const mtuCheckMs = 1000;
/** What failed is tried again (RFC 8899 section 5.1.1: PMTU_RAISE_TIMER). */
export const mtuRaiseMs = 600_000;
/** Silence after which a path is doubted, and given up; both are longer where the round trip is. */
export const suspectMs = 600;
export const deadMs = 1200;
/** Of a path whose round trip is not known yet. */
export const likelyRttMs = 500;

/** Rounds while there is no direct path: the first gap, doubled up to the longest. */
export const firstRoundGapMs = 2000;
export const longestRoundGapMs = 10_000;
export const idleRoundGapMs = 60_000;

/** Candidates go out again after this, or 1.5 round trips, doubled each time. */
export const firstRepeatMs = 250;
export const maxSends = 4;

/** No direct answer by then, although the relayed one came: both ends try fresh sockets (the early packet clash). */
export const freshSocketAfterMs = 300;
export const maxFreshSockets = 3;
/** After so long once more. */
export const freshSocketGapMs = 60_000;
/** One without a proven path is closed after this. */
export const freshSocketLifeMs = 60_000;
/** Of all sessions of a host together; beyond them sessions whose packets clashed stay relayed. */
export const maxHostFreshSockets = 256;

export const rekeyMs = 120_000;
export const rekeyRepeatMs = 1000;
export const oldKeysMs = 10_000;
export const sealMs = 180_000;
export const forgetMs = 600_000;

/** How far a first message's time may be from the host's, and how long its ephemeral key is remembered. */
export const timeToleranceMs = 300_000;
export const ephemeralMs = 600_000;
export const maxEphemerals = 16_384;
export const maxSessions = 4096;

/** Datagrams sent straight to an address that has not shown itself. */
export const unprovenAllowance = 3;
/** Probes that an authentic datagram draws at least; with its reply three times its bytes (RFC 9000 section 8). */
export const heardAllowance = 2;
export const maxPaths = 32;
/** Rounds of the other end that are taken part in at once; after each gap one more. */
export const maxRounds = 6;
export const roundGapMs = 2000;
