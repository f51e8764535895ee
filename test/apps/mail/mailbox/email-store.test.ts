import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { readMessage } from "../../../../origin/apps/mail/message/read-message.ts";
import type { Transaction } from "../../../../origin/storage/writer.ts";
import { openMailbox } from "../open-mailbox.ts";

test("counts of a mailbox follow what comes, is read, moves and goes", async (t) => {
  const { database, emails, account, box, file } = await openMailbox(t);
  const counts = (role: "inbox" | "trash") => {
    const { emails: total, unreadEmails, threads, unreadThreads } = box(role);
    return [total, unreadEmails, threads, unreadThreads];
  };
  const first = await file("Message-Id: <1@x>\nSubject: Tea\n\nhi");
  const reply = await file("Message-Id: <2@x>\nIn-Reply-To: <1@x>\nSubject: Re: Tea\n\nyes");
  assert.equal(reply.thread, first.thread);
  await file("Message-Id: <3@x>\nSubject: Other\n\nhi", { keywords: ["$seen"] });
  assert.deepEqual(counts("inbox"), [3, 2, 2, 1]);

  const row = (id: number) => emails.get(account, id)!;
  await database.write((transaction) => emails.setKeywords(transaction, row(first.id), ["$seen"]));
  assert.deepEqual(counts("inbox"), [3, 1, 2, 1]);
  await database.write((transaction) =>
    emails.setKeywords(transaction, row(reply.id), ["$seen", "$flagged"]),
  );
  assert.deepEqual(counts("inbox"), [3, 0, 2, 0]);

  await database.write((transaction) => emails.setMailboxes(transaction, row(reply.id), [box("trash").id]));
  assert.deepEqual(
    [counts("inbox"), counts("trash")],
    [
      [2, 0, 2, 0],
      [1, 0, 1, 0],
    ],
  );
  await database.write((transaction) => emails.remove(transaction, row(reply.id)));
  assert.deepEqual(counts("trash"), [0, 0, 0, 0]);
});

test("a message under another subject, or that names no known one, begins a thread", async (t) => {
  const { file } = await openMailbox(t);
  const first = await file("Message-Id: <1@x>\nSubject: Tea\n\n.");
  const other = await file("Message-Id: <2@x>\nReferences: <1@x>\nSubject: Coffee\n\n.");
  const stranger = await file("Message-Id: <3@x>\nSubject: Tea\n\n.");
  assert.equal(new Set([first.thread, other.thread, stranger.thread]).size, 3);
  // What comes late finds those who named it.
  const answer = await file("Message-Id: <5@x>\nIn-Reply-To: <4@x>\nSubject: [list] Re[2]: Late\n\n.");
  const late = await file("Message-Id: <4@x>\nSubject: Late\n\n.");
  assert.equal(late.thread, answer.thread);
});

test("each kind has a new state when it changes and only then, and what was destroyed is told", async (t) => {
  const { database, changes, emails, account, file } = await openMailbox(t);
  const { id, thread } = await file("Message-Id: <1@x>\nSubject: Tea\n\n.");
  const states = () => (["Email", "Mailbox", "Thread"] as const).map((type) => changes.state(account, type));
  const before = states();
  await database.write((transaction) =>
    emails.setKeywords(transaction, emails.get(account, id)!, ["$flagged"]),
  );
  assert.deepEqual(
    states().map((state, index) => state > before[index]!),
    [true, false, false],
  );
  const [seen = 0, , threads = 0] = states();
  const told = Promise.withResolvers<ReadonlySet<string>>();
  changes.onChange(({ types }) => told.resolve(types));
  await database.write((transaction) => emails.remove(transaction, emails.get(account, id)!));
  assert.deepEqual([...(await told.promise)].toSorted(), ["Email", "Mailbox", "Thread"]);
  assert.deepEqual(
    changes.destroyedSince(account, "Email", seen).map((row) => row.id),
    [id],
  );
  assert.deepEqual(
    changes.destroyedSince(account, "Thread", threads).map((row) => row.id),
    [thread],
  );
});

test("what was indexed, the thread's links and the message's bytes go with the last email that needs them", async (t) => {
  const { database, emails, account, file } = await openMailbox(t);
  const { id } = await file("Message-Id: <1@x>\nSubject: Tea\n\nbergamot");
  const count = (sql: string) => database.prepare<{ n: number }>(`SELECT count(*) AS n FROM ${sql}`).get()!.n;
  const matches = () => count("email_text WHERE email_text MATCH 'bergamot'");
  assert.equal(matches(), 1);
  await database.write((transaction) => emails.remove(transaction, emails.get(account, id)!));
  assert.equal(matches(), 0);
  assert.deepEqual(["thread_links", "threads", "messages"].map(count), [0, 0, 0]);
  assert.equal(count("mail_blobs WHERE refs = 0"), 1);
});

test("nothing is in the index of an email whose write failed, or that was removed in the same commit", async (t) => {
  const { database, emails, account, box, file } = await openMailbox(t);
  const { id: kept } = await file("Subject: Tea\n\nbergamot");
  const message = await readMessage(Readable.from([Buffer.from("Subject: Tea\r\n\r\nbergamot")]));
  const { hash, size } = emails.get(account, kept)!;
  const add = (transaction: Transaction) =>
    emails.add(transaction, {
      account,
      blob: { hash, size },
      message,
      mailboxes: [box("inbox").id],
      keywords: [],
      receivedAt: 1,
    });
  const failed = database.write((transaction) => {
    add(transaction);
    throw new Error("mine");
  });
  const added = database.write(add);
  const inTheSameCommit = database.write((transaction) => {
    const newest = Math.max(...emails.hashesOf(account).map(({ id }) => id));
    emails.remove(transaction, emails.get(account, newest)!);
  });
  await assert.rejects(failed, /mine/);
  await Promise.all([added, inTheSameCommit]);
  const matches = database.prepare<{ rowid: number }>(
    "SELECT rowid FROM email_text WHERE email_text MATCH 'bergamot'",
  );
  assert.deepEqual(
    matches.all().map(({ rowid }) => rowid),
    [kept],
  );
});
