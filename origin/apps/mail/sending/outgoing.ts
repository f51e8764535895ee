import type { Transaction } from "../../../storage/writer.ts";

/** What is sent by itself: it has no identity and no copy, and nobody hears that it could not be delivered. */
export interface Outgoing {
  /** Inside a write, in which `hash` is noted as a blob of mail. `mailFrom` is empty, commonly (RFC 3834 §3.3). */
  queueAutomatic(
    transaction: Transaction,
    message: {
      readonly mailFrom: string;
      readonly recipient: string;
      readonly hash: string;
      /** Bytes. */
      readonly size: number;
    },
  ): void;
}
