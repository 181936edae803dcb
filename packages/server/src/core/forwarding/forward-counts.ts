const place = { channelData: 0, fromPeers: 1, bytes: 2 } as const;

const countsBytes = 24;

/** What a forwarder has relayed since the server started; in memory that threads can share. */
export class ForwardCounts {
  readonly numbers: Float64Array;

  constructor(buffer: ArrayBufferLike = new ArrayBuffer(countsBytes)) {
    this.numbers = new Float64Array(buffer);
  }

  get channelData(): number {
    return this.numbers[place.channelData] ?? 0;
  }

  get fromPeers(): number {
    return this.numbers[place.fromPeers] ?? 0;
  }

  get bytes(): number {
    return this.numbers[place.bytes] ?? 0;
  }

  add(isChannelData: boolean, bytes: number): void {
    const { numbers } = this;
    const what = isChannelData ? place.channelData : place.fromPeers;
    numbers[what] = (numbers[what] ?? 0) + 1;
    numbers[place.bytes] = (numbers[place.bytes] ?? 0) + bytes;
  }
}

/** For a forwarder in a thread of its own. */
export function sharedForwardCounts(): ForwardCounts {
  return new ForwardCounts(new SharedArrayBuffer(countsBytes));
}
