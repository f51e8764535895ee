/** Each thread of a mailbox bears its newest email there, by which lists are read. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { mailMigrations } from "../../../../origin/apps/mail/store/migrations.ts";
import { type Database, openDatabase } from "../../../../origin/storage/database.ts";
import { chooseDriver } from "../../../../origin/storage/open-driver.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { openMailbox } from "../open-mailbox.ts";

interface Line {
  mailbox: number;
  thread: number;
  time: number;
  email: number;
}

const kept = (database: Database): Line[] =>
  database
    .prepare<Line>(
      "SELECT mailbox, thread, newest_at AS time, newest AS email FROM thread_mailboxes ORDER BY mailbox, thread",
    )
    .all();

/** By looking at all of them. */
const counted = (database: Database): Line[] =>
  database
    .prepare<Line>(
      `SELECT mailbox, thread, received_at AS time, email FROM email_mailboxes f WHERE NOT EXISTS (
         SELECT 1 FROM email_mailboxes o WHERE o.mailbox = f.mailbox AND o.thread = f.thread
         AND (o.received_at, o.email) > (f.received_at, f.email)) ORDER BY mailbox, thread`,
    )
    .all();

test("whatever comes, moves and goes, in whatever order", async (t) => {
  const { database, emails, account, box, file } = await openMailbox(t);
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
  const places = (["inbox", "archive", "trash"] as const).map((role) => box(role).id);
  const ids: number[] = [];
  for (let step = 0; step < 300; step += 1) {
    if (step % 3 === 0) {
      const about = `Message-Id: <${step}@x>\nReferences: <thread-${random(6)}@x>\nSubject: Tea\n\n.`;
      ids.push((await file(about, { receivedAt: random(40) })).id);
    } else {
      const email = emails.get(account, ids[random(ids.length)]!);
      const wanted = places.filter(() => random(2) === 0);
      if (email)
        await database.write((transaction) => {
          if (wanted.length === 0) emails.remove(transaction, email);
          else emails.setMailboxes(transaction, email, wanted);
        });
    }
    if (step % 10 === 0) assert.deepEqual(kept(database), counted(database), `step ${step}`);
  }
  assert.deepEqual(kept(database), counted(database));
  assert.ok(kept(database).length > 5);
});

test("a database of before has them after its migration", async (t) => {
  const file = join(temporaryFolder(t), "mail.db");
  const open = (count: number): Database =>
    openDatabase({ name: "mail", file, migrations: mailMigrations.slice(0, count), open: chooseDriver() });
  const old = open(2);
  await old.write(() => {
    for (const sql of [
      "INSERT INTO accounts (id) VALUES (1)",
      "INSERT INTO mailboxes (id, account, name, sort_order, created_seq, changed_seq, counted_seq) VALUES (1, 1, 'a', 1, 1, 1, 1), (2, 1, 'b', 1, 1, 1, 1)",
      "INSERT INTO threads (id, account, created_seq, changed_seq) VALUES (1, 1, 1, 1), (2, 1, 1, 1)",
      "INSERT INTO mail_blobs (hash, size) VALUES ('h', 1)",
      "INSERT INTO messages VALUES ('h', '{}', '{}')",
      ...[1, 2, 3, 4].map(
        (id) =>
          `INSERT INTO emails VALUES (${id}, 1, ${id === 4 ? 2 : 1}, 'h', 1, ${[5, 9, 9, 1][id - 1]}, 0, '', '', '', '{}', '', 0, 1, 1, 1)`,
      ),
      "INSERT INTO email_mailboxes SELECT id, 1, thread, received_at, unread FROM emails",
      "INSERT INTO email_mailboxes SELECT id, 2, thread, received_at, unread FROM emails WHERE id < 3",
    ])
      old.prepare(sql).run();
  });
  await old.close();
  const database = open(mailMigrations.length);
  t.after(() => database.close());
  assert.deepEqual(kept(database), counted(database));
  assert.deepEqual(
    kept(database).map(({ email }) => email),
    [3, 4, 2],
  );
});
