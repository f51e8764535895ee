import assert from "node:assert/strict";
import { test } from "node:test";
import { followMembers } from "../../../../origin/apps/mail/follow-members.ts";
import { letter, openDelivery, password } from "./open-delivery.ts";

test("of a member who is erased nothing stays, and of the others everything", async (t) => {
  const { mail, members, account, deliver, subjectsIn } = await openDelivery(t);
  await members.createAccount({ name: "ben", password });
  const ben = account("ben");
  const follow = followMembers(mail);
  t.after(() => follow.close());
  const shared = letter({ Subject: "for both" });
  await deliver(shared, { recipient: "ben@example.org" });
  await deliver(shared);
  await Promise.all(
    Array.from({ length: 120 }, (_, count) =>
      deliver(letter({ Subject: `${count}` }), { recipient: "ben@example.org" }),
    ),
  );
  await mail.identities.open(ben, "Ben");
  const upload = await mail.uploads.put(
    ben,
    (async function* () {
      yield Buffer.from("x");
    })(),
    "text/plain",
    10,
  );
  await mail.database.write((transaction) => {
    const { id } = mail.mailboxes.byRole(ben, "inbox")!;
    const box = { name: "Inner", role: null, sortOrder: 1, subscribed: true };
    const child = mail.mailboxes.insert(transaction, ben, { ...box, parent: id });
    mail.mailboxes.insert(transaction, ben, { ...box, parent: child });
    mail.emails.setMailboxes(transaction, mail.emails.get(ben, mail.emails.hashesOf(ben)[0]!.id)!, [
      mail.mailboxes.byRole(ben, "junk")!.id,
    ]);
    mail.rules.replace(transaction, ben, [
      { name: "", match: "all", conditions: [{ field: "spam", value: true }], actions: { trash: true } },
    ]);
    mail.vacations.set(transaction, ben, {
      enabled: 0,
      fromDate: null,
      toDate: null,
      subject: null,
      textBody: null,
      htmlBody: null,
    });
    mail.toldSenders.note(ben, "friend@example.com", 1);
  });
  await mail.aliases.set("sales", [ben, account("ada")]);

  await members.deactivate(ben);
  await follow.settle();
  assert.equal(subjectsIn("ben", "inbox").length, 120, "closed, and not yet erased");
  await members.deactivate(ben, { erase: true });
  await follow.settle();
  const left = mail.database
    .prepare<{ name: string }>(
      `SELECT m.name FROM sqlite_schema AS m WHERE m.type = 'table'
         AND EXISTS (SELECT 1 FROM pragma_table_info(m.name) WHERE name = 'account')`,
    )
    .all()
    .filter(({ name }) => mail.database.prepare(`SELECT 1 FROM ${name} WHERE account = ?`).get(ben));
  assert.deepEqual(left, []);
  assert.equal(mail.mailboxes.hasAccount(ben), false);
  assert.equal(await mail.blobs.has(upload.hash), false);
  assert.deepEqual(subjectsIn("ada", "inbox"), ["for both"]);
  const files: string[] = [];
  for (const { hash } of mail.database.prepare<{ hash: string }>("SELECT hash FROM mail_blobs").all())
    files.push(hash);
  assert.equal(files.length, 1);
  assert.ok(await mail.blobs.has(files[0]!));
  assert.deepEqual(mail.aliases.membersOf("sales"), [account("ada")]);
  // What comes for them later is nobody's.
  await deliver(letter({ Subject: "late" }), { recipient: "ben@example.org" });
  assert.deepEqual(subjectsIn("ada", "inbox"), ["for both", "late"]);
});
