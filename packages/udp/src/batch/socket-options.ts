/** Linux's numbers of socket options, and of the control data of the same names. */

export const level = { socket: 1, ip: 0, udp: 17, ip6: 41 } as const;

export const option = {
  sendBuffer: 7,
  receiveBuffer: 8,
  reusePort: 15,
  attachReusePortFilter: 51,
  ipTos: 1,
  ipTtl: 2,
  ipPacketInfo: 8,
  ipMtuDiscover: 10,
  ipReceiveTos: 13,
  ip6HopLimit: 52,
  ip6MtuDiscover: 23,
  ip6Only: 26,
  ip6ReceivePacketInfo: 49,
  ip6PacketInfo: 50,
  ip6ReceiveTrafficClass: 66,
  ip6TrafficClass: 67,
  udpSegment: 103,
  udpGro: 104,
} as const;

/** Values of `ipMtuDiscover` and `ip6MtuDiscover`. */
export const mtuDiscovery = {
  /** Linux's own: what is larger than the path is known to take is fragmented. */
  want: 1,
  /** Nothing is fragmented, whatever is known of the path. */
  probe: 3,
} as const;
