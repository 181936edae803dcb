declare module "noise-handshake" {
  interface KeyPair {
    readonly publicKey: Buffer;
    readonly secretKey: Buffer;
  }

  /** As much of it as the tests use; it has no types of its own. */
  export default class NoiseState {
    constructor(pattern: "IK", initiator: boolean, staticKeys: KeyPair);
    /** The ephemeral key pair; drawn when it was not set. */
    e: KeyPair | null;
    readonly tx: Buffer;
    readonly rx: Buffer;
    initialise(prologue: Buffer, remoteStatic?: Buffer): void;
    send(payload: Buffer): Uint8Array;
    recv(message: Buffer): Uint8Array;
  }
}
