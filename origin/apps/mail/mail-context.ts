import type { AppContext } from "../../app.ts";
import type { MailConfig } from "../../config/config.ts";
import type { Database } from "../../storage/database.ts";
import type { KeptBlobs } from "../../storage/kept-blobs.ts";
import type { Changes } from "./mailbox/changes.ts";
import type { EmailStore } from "./mailbox/email-store.ts";
import type { MailboxStore } from "./mailbox/mailbox-store.ts";
import type { ThreadStore } from "./mailbox/thread-store.ts";
import type { MessageReader } from "./message/message-reader.ts";

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
}
