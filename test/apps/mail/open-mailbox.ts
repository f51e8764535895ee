/** The mailboxes of one account on a real database, without HTTP. */
import { join } from "node:path";
import { Readable } from "node:stream";
import { createChanges } from "../../../origin/apps/mail/mailbox/changes.ts";
import { createEmailStore } from "../../../origin/apps/mail/mailbox/email-store.ts";
import { createMailboxStore, type Role } from "../../../origin/apps/mail/mailbox/mailbox-store.ts";
import { createThreadStore } from "../../../origin/apps/mail/mailbox/thread-store.ts";
import { readMessage } from "../../../origin/apps/mail/message/read-message.ts";
import { mailMigrations } from "../../../origin/apps/mail/store/migrations.ts";
import { openDatabase } from "../../../origin/storage/database.ts";
import { chooseDriver } from "../../../origin/storage/open-driver.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

export async function openMailbox(t: { after(work: () => unknown): void }) {
  const path = join(temporaryFolder(t), "mail.db");
  const database = openDatabase({
    name: "mail",
    file: path,
    migrations: mailMigrations,
    open: chooseDriver(),
  });
  t.after(() => database.close());
  const changes = createChanges(database);
  const mailboxes = createMailboxStore(database, changes);
  const threads = createThreadStore(database, changes);
  const emails = createEmailStore(database, changes, threads);
  const noteBlob = database.prepare(
    "INSERT INTO mail_blobs (hash, size) VALUES (?, ?) ON CONFLICT DO NOTHING",
  );
  const account = 7;
  await database.write((transaction) => mailboxes.openAccount(transaction, account));
  let made = 0;

  /** Files a message whose header and body are given as they stand. */
  const file = async (
    text: string,
    options: { in?: Role[]; keywords?: string[]; receivedAt?: number } = {},
  ): Promise<{ id: number; thread: number }> => {
    const raw = Buffer.from(text.replaceAll(/\r?\n/g, "\r\n"));
    const message = await readMessage(Readable.from([raw]));
    const hash = String((made += 1)).padStart(64, "0");
    return await database.write((transaction) => {
      noteBlob.run(hash, raw.length);
      return emails.add(transaction, {
        account,
        blob: { hash, size: raw.length },
        message,
        mailboxes: (options.in ?? ["inbox"]).map((role) => mailboxes.byRole(account, role)!.id),
        keywords: options.keywords ?? [],
        receivedAt: options.receivedAt ?? made,
      });
    });
  };

  return {
    database,
    changes,
    mailboxes,
    threads,
    emails,
    account,
    box: (role: Role) => mailboxes.byRole(account, role)!,
    file,
  };
}
