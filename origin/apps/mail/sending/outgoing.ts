import type { Transaction } from "../../../storage/writer.ts";

/** What the server sends by itself, in nobody's name: replies of whoever is away. */
export interface Outgoing {
  /** Inside a write: queues a message whose raw bytes are a blob of mail. */
  queueAutomatic(
    transaction: Transaction,
    message: {
      readonly mailFrom: string;
      readonly recipient: string;
      readonly hash: string;
      readonly size: number;
    },
  ): void;
}
