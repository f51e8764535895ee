/** R3: who gets what arrives. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { letter, openDelivery, password } from "./open-delivery.ts";

test("what arrives lies with whom it is for: members, aliases, roles, and the owner for the rest", async (t) => {
  const { mail, members, account, deliver, subjectsIn, newest } = await openDelivery(t);
  for (const name of ["ben", "cleo", "dora"]) await members.createAccount({ name, password });
  await mail.aliases.set("sales", [account("ben"), account("cleo")]);
  await mail.aliases.set("abuse", [account("cleo")]);
  await mail.aliases.set("left", [account("dora")]);
  await members.suspend(account("ben"));
  await members.lock(account("cleo"));
  await members.deactivate(account("dora"));
  const to = async (recipient: string) => await deliver(letter({ Subject: recipient }), { recipient });
  for (const recipient of [
    "BEN@Example.org",
    "ben+lists@example.org",
    '"ben"@example.org',
    "sales@example.org",
    "Sales+x@example.org",
    "abuse@example.org",
    "postmaster@example.org",
    "nobody@example.org",
    "dora@example.org",
    "left@example.org",
    "ben@elsewhere.example",
  ])
    await to(recipient);
  assert.deepEqual(subjectsIn("ben", "inbox"), [
    "BEN@Example.org",
    "ben+lists@example.org",
    '"ben"@example.org',
    "sales@example.org",
    "Sales+x@example.org",
  ]);
  assert.deepEqual(subjectsIn("cleo", "inbox"), [
    "sales@example.org",
    "Sales+x@example.org",
    "abuse@example.org",
  ]);
  assert.deepEqual(subjectsIn("ada", "inbox"), [
    "postmaster@example.org",
    "nobody@example.org",
    "dora@example.org",
    "left@example.org",
    "ben@elsewhere.example",
  ]);
  // What was nobody's can be told from what is the owner's, and by which address it came.
  assert.deepEqual(mail.emails.keywordsOf(newest("ada").id), ["misaddressed"]);
  assert.equal(mail.verdicts.get(newest("ada").id)?.recipient, "ben@elsewhere.example");
});

test("an alias is its member's to write as while nobody shares it, and no newcomer takes its mail", async (t) => {
  const { mail, members, account, deliver, subjectsIn } = await openDelivery(t);
  await members.createAccount({ name: "ben", password });
  await mail.aliases.set("shop", [account("ben")]);
  assert.deepEqual(mail.addresses.of(account("ben")), ["ben@example.org", "shop@example.org"]);
  assert.equal(mail.addresses.find("shop+a@example.org"), account("ben"));
  await members.createAccount({ name: "shop", password });
  await deliver(letter(), { recipient: "shop@example.org" });
  assert.deepEqual(subjectsIn("ben", "inbox"), ["Tea"]);
  await mail.aliases.set("shop", [account("ben"), account("ada")]);
  assert.equal(mail.addresses.find("shop@example.org"), undefined);
  assert.deepEqual(mail.addresses.of(account("ben")), ["ben@example.org"]);
  assert.equal(mail.addresses.find("postmaster@example.org"), account("ada"));
  assert.equal(mail.addresses.find("nobody@example.org"), undefined);
});

test("nobody takes the mail of a role, or of a member's address with a +, by the name they join under", async (t) => {
  const { mail, members, account, deliver, subjectsIn } = await openDelivery(t);
  for (const name of ["postmaster", "noc", "security"])
    await assert.rejects(members.createAccount({ name, password }), { code: "name-invalid" });
  for (const name of ["ben", "ben+shop", "postmaster+x"]) await members.createAccount({ name, password });
  const to = async (recipient: string) => await deliver(letter({ Subject: recipient }), { recipient });
  await to("ben+shop@example.org");
  await to("postmaster+x@example.org");
  assert.deepEqual(subjectsIn("ben", "inbox"), ["ben+shop@example.org"]);
  assert.deepEqual(subjectsIn("ada", "inbox"), ["postmaster+x@example.org"]);
  assert.equal(mail.addresses.find("ben+shop@example.org"), account("ben"));
  // Who was there first under the longer name keeps it.
  await members.createAccount({ name: "cleo+tea", password });
  await members.createAccount({ name: "cleo", password });
  await to("cleo+tea@example.org");
  assert.deepEqual(subjectsIn("cleo+tea", "inbox"), ["cleo+tea@example.org"]);
});

test("the message and what settles it are one commit, and before there is an owner it waits", async (t) => {
  const { mail, members, delivery, arrive, deliver, subjectsIn, releaseBlob } = await openDelivery(t, {
    owner: false,
  });
  const arrival = await arrive(letter());
  await assert.rejects(
    delivery.deliver(arrival, () => {}),
    (error: Error) => error.name === "Error" && /owns/.test(error.message),
  );
  await members.createOwner({ name: "ada", password });
  await assert.rejects(
    delivery.deliver(arrival, () => {
      throw new Error("the drain's row is gone");
    }),
    /the drain's row/,
  );
  assert.deepEqual(subjectsIn("ada", "inbox"), []);
  await delivery.deliver(arrival, () => void releaseBlob.run(arrival.hash));
  await mail.blobs.collect();
  assert.deepEqual(subjectsIn("ada", "inbox"), ["Tea"]);
  assert.ok(await mail.blobs.has(arrival.hash));
  // What nobody can read is the drain's to keep aside.
  const endless = letter({ "X-Long": "x".repeat(1_100_000) });
  await assert.rejects(deliver(endless), { name: "UnreadableMessageError" });
});

test("a full mailbox takes what arrives, and the owner and the member are told", async (t) => {
  const { mail, deliver, subjectsIn, raised } = await openDelivery(t, { quota: 300 });
  await deliver(letter());
  assert.deepEqual(raised, []);
  const told = new Promise<void>((resolve) => {
    mail.changes.onChange(() => {
      if (subjectsIn("ada", "inbox").includes("Your mailbox is full")) resolve();
    });
  });
  await deliver(letter({ Subject: "One more" }));
  await told;
  await deliver(letter({ Subject: "And one" }));
  assert.deepEqual(
    new Set(subjectsIn("ada", "inbox")),
    new Set(["Tea", "One more", "And one", "Your mailbox is full"]),
  );
  assert.deepEqual(
    raised.map(({ id }) => id),
    ["mail-full:ada"],
  );
});

test("what stands behind the + leads into the mailbox of that name, where there is one", async (t) => {
  const { mail, account, deliver } = await openDelivery(t);
  await deliver(letter());
  const shop = await mail.database.write((transaction) =>
    mail.mailboxes.insert(transaction, account("ada"), {
      parent: null,
      name: "Einkäufe",
      role: null,
      sortOrder: 10,
      subscribed: true,
    }),
  );
  await deliver(letter(), { recipient: "ada+EINKÄUFE@example.org" });
  await deliver(letter(), { recipient: "ada+trash@example.org" });
  assert.equal(mail.emails.idsIn(shop).length, 1);
  assert.equal(mail.mailboxes.byRole(account("ada"), "inbox")?.emails, 2);
});
