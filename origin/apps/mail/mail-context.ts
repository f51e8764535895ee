import type { AppContext } from "../../app.ts";
import type { MailConfig } from "../../config/config.ts";
import type { Database } from "../../storage/database.ts";
import type { KeptBlobs } from "../../storage/kept-blobs.ts";
import type { AliasStore } from "./delivery/alias-store.ts";
import type { Authenticator } from "./delivery/authenticator.ts";
import type { HandOvers } from "./delivery/hand-over.ts";
import type { JudgedSenders } from "./delivery/judged-senders.ts";
import type { RuleStore } from "./delivery/rule-store.ts";
import type { ToldSenders } from "./delivery/vacation-reply.ts";
import type { VerdictStore } from "./delivery/verdict-store.ts";
import type { Streams } from "./jmap/streams.ts";
import type { Addresses } from "./mailbox/addresses.ts";
import type { Changes } from "./mailbox/changes.ts";
import type { EmailStore } from "./mailbox/email-store.ts";
import type { MailboxStore } from "./mailbox/mailbox-store.ts";
import type { ThreadStore } from "./mailbox/thread-store.ts";
import type { UploadStore } from "./mailbox/upload-store.ts";
import type { MessageReader } from "./message/message-reader.ts";
import type { IdentityStore } from "./sending/identity-store.ts";
import type { Push } from "./push/push.ts";
import type { Outgoing } from "./sending/outgoing.ts";
import type { QueueStore } from "./sending/queue-store.ts";
import type { SubscriptionStore } from "./sending/push-subscription-store.ts";
import type { SubmissionStore } from "./sending/submission-store.ts";
import type { VacationStore } from "./sending/vacation-store.ts";

/** What every part of the mail app is given. Built once, by mail.ts. An account's number is its member's. */
export interface MailContext
  extends Pick<AppContext, "log" | "members" | "gate" | "guesses" | "alerts" | "outbound" | "now"> {
  readonly serverName: string;
  readonly config: MailConfig;
  readonly database: Database;
  readonly blobs: KeptBlobs;
  readonly reader: MessageReader;
  readonly changes: Changes;
  readonly mailboxes: MailboxStore;
  readonly threads: ThreadStore;
  readonly emails: EmailStore;
  readonly uploads: UploadStore;
  readonly addresses: Addresses;
  readonly aliases: AliasStore;
  readonly rules: RuleStore;
  readonly verdicts: VerdictStore;
  readonly judgedSenders: JudgedSenders;
  readonly authenticator: Authenticator;
  readonly toldSenders: ToldSenders;
  /** Undefined: nothing is handed to a local server. */
  readonly handOvers: HandOvers | undefined;
  /** What waits to be sent, and where what is sent by itself is put. */
  readonly outbox: QueueStore;
  readonly outgoing: Outgoing;
  readonly identities: IdentityStore;
  readonly submissions: SubmissionStore;
  readonly vacations: VacationStore;
  readonly subscriptions: SubscriptionStore;
  readonly streams: Streams;
  readonly push: Push;
  /** Bytes of a message that is sent, and seconds for which one may be held. */
  readonly largestSent: number;
  readonly longestDelayS: number;
  /** Deletes, some time soon, the blobs that nothing needs any more. */
  collectSoon(): void;
}
