/** A line of the table. */
import type { Judge } from "./judgements.ts";

export interface Case {
  readonly name: string;
  /**
   * Words in capitals are filled in (`command-words.ts`).
   */
  readonly command: string;
  readonly judge: Judge;
  /** How clients reach the server; "udp" when absent. */
  readonly transport?: "tcp" | "tls";
}

/** What this server does not do yet, or a program not as the standard says: nothing is run, and nothing passes. */
export interface Unsupported {
  readonly name: string;
  readonly reason: string;
}
