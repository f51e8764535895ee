import type { Transaction } from "../../../storage/writer.ts";

/** A message that was taken at the edge for one recipient and has landed here: its raw bytes are a blob of mail. */
export interface Arrival {
  readonly id: number;
  /** Of the raw bytes. */
  readonly hash: string;
  readonly size: number;
  /** The envelope's sender; empty for bounces. */
  readonly mailFrom: string;
  /** The envelope's recipient. */
  readonly recipient: string;
  /** Unix ms, when the edge took it. */
  readonly receivedAt: number;
  /** What Email Routing found: the text of its Authentication-Results header, or empty. */
  readonly results: string;
  /** Only of what a member's own request sent from here: nothing that comes from outside can have it. */
  readonly isFromHere?: true;
}

/** Puts what has arrived where it belongs. */
export interface Delivery {
  /**
   * Files the message, once: all of it, with `settle`, in one commit, or nothing. Throws UnreadableMessageError when the
   * message itself can never be filed, anything else when a later try may succeed.
   */
  deliver(arrival: Arrival, settle: (transaction: Transaction) => void): Promise<void>;
}
