/** RFC 3834 and RFC 8621 §8: who is told that a member is away, and who never is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { letter, openDelivery, password } from "./open-delivery.ts";

const dayMs = 24 * 60 * 60 * 1000;

async function openAway(t: { after(work: () => unknown): void }) {
  const house = await openDelivery(t);
  const { mail, account, deliver, clock } = house;
  const ada = account("ada");
  await deliver(letter());
  await mail.identities.open(ada, "Ada L.");
  await mail.database.write((transaction) =>
    mail.vacations.set(transaction, ada, {
      enabled: 1,
      fromDate: clock.now - dayMs,
      toDate: clock.now + 30 * dayMs,
      subject: null,
      textBody: "Ich bin in Ägypten.",
      htmlBody: null,
    }),
  );
  /** Whom a reply goes to. */
  const told = async (fields: Record<string, string>, envelope = {}): Promise<string[]> => {
    house.sent.length = 0;
    await deliver(letter(fields), envelope);
    return house.sent.map(({ recipient }) => recipient);
  };
  return { ...house, ada, told };
}

const from = (mailFrom: string) => ({
  mailFrom,
  results: `mx.cloudflare.net; spf=pass smtp.mailfrom=${mailFrom}`,
});

test("a person who writes is answered once in seven days, in the reply's own form", async (t) => {
  const { mail, told, sent, clock, subjectsIn } = await openAway(t);
  assert.deepEqual(
    await told({ Subject: "Tee?", "Message-Id": "<1@example.com>", References: "<0@example.com>" }),
    ["friend@example.com"],
  );
  const [reply] = sent;
  assert.equal(reply?.mailFrom, "");
  const blob = await mail.blobs.open(reply?.hash ?? "");
  const raw = (await blob!.stream.toArray()).join("");
  assert.match(raw, /^From: "?Ada L\."? <ada@example\.org>\r$/m);
  assert.match(raw, /^To: friend@example\.com\r$/m);
  assert.match(raw, /^Subject: Automatic reply: Tee\?\r$/m);
  assert.match(raw, /^Auto-Submitted: auto-replied\r$/m);
  assert.match(raw, /^In-Reply-To: <1@example\.com>\r$/m);
  assert.match(raw, /^References: <0@example\.com> <1@example\.com>\r$/m);
  const { texts } = await mail.reader.read(Buffer.from(raw));
  assert.match(texts["1"]?.value ?? "", /^Ich bin in Ägypten\./);

  assert.deepEqual(await told({}, from("FRIEND@example.com")), []);
  clock.now += 7 * dayMs - 1;
  assert.deepEqual(await told({}), []);
  clock.now += 2;
  assert.deepEqual(await told({}), ["friend@example.com"]);
  clock.now += 30 * dayMs;
  assert.deepEqual(await told({}), [], "back again");
  assert.equal(subjectsIn("ada", "inbox").length, 6);
});

test("machines, lists, bounces, forgers and oneself are never answered", async (t) => {
  const { mail, members, told, names, ada } = await openAway(t);
  await members.createAccount({ name: "ben", password });
  names.set("TXT _dmarc.bank.example", ["v=DMARC1; p=reject"]);
  const silent = async (what: string, fields: Record<string, string>, envelope = {}): Promise<void> =>
    assert.deepEqual(await told(fields, envelope), [], what);
  await silent("a bounce", {}, { mailFrom: "" });
  for (const sender of [
    "MAILER-DAEMON@example.com",
    "owner-x@example.com",
    "x-request@example.com",
    "no-reply@example.com",
  ])
    await silent(sender, {}, from(sender));
  for (const [name, value] of [
    ["Auto-Submitted", "auto-generated"],
    ["Auto-Submitted", "auto-replied (rejected)"],
    ["List-Id", "<dev.example.com>"],
    ["List-Unsubscribe", "<mailto:u@example.com>"],
    ["Precedence", "Bulk"],
    ["X-Auto-Response-Suppress", "DR, OOF, AutoReply"],
  ] as const)
    await silent(`${name}: ${value}`, { [name]: value });
  await silent("not written to by name", { To: "undisclosed-recipients:;" });
  await silent("oneself", {}, from("ada+x@example.org"));
  await silent(
    "a forged letter",
    { From: "help@bank.example" },
    {
      mailFrom: "a@bulk.example",
      results: "mx.cloudflare.net; spf=none smtp.mailfrom=a@bulk.example",
    },
  );
  await silent(
    "a forged envelope",
    {},
    {
      mailFrom: "victim@example.com",
      results: "mx.cloudflare.net; spf=softfail smtp.mailfrom=victim@example.com",
    },
  );
  await silent(
    "an address that is nobody's",
    { To: "nobody@example.org" },
    { recipient: "nobody@example.org" },
  );
  await mail.aliases.set("team", [ada, members.find("ben")!.id]);
  await silent("a group", { To: "team@example.org, ada@example.org" }, { recipient: "team@example.org" });
  // And one that is answered, so that the others were silent for their own reasons.
  await mail.aliases.set("hello", [ada]);
  assert.deepEqual(
    await told(
      { To: "x@example.com", Cc: "Hello+x@example.org", "Auto-Submitted": "no" },
      { recipient: "hello+x@example.org" },
    ),
    ["friend@example.com"],
  );
});

test("a forger is not answered where the member takes the sender for none, and two letters at once get one answer", async (t) => {
  const { mail, ada, deliver, newest, names, sent } = await openAway(t);
  names.set("TXT _dmarc.bank.example", ["v=DMARC1; p=reject"]);
  const forge = async () =>
    await deliver(letter({ From: "help@bank.example" }), {
      mailFrom: "a@bulk.example",
      results: "mx.cloudflare.net; spf=none smtp.mailfrom=a@bulk.example",
    });
  await forge();
  const inbox = mail.mailboxes.byRole(ada, "inbox")!.id;
  await mail.database.write((transaction) => mail.emails.setMailboxes(transaction, newest("ada"), [inbox]));
  await forge();
  assert.deepEqual(mail.emails.mailboxesOf(newest("ada").id), [inbox]);
  assert.deepEqual(sent, []);
  await Promise.all([deliver(letter()), deliver(letter()), deliver(letter())]);
  assert.equal(sent.length, 1);
});

test("a commit that fails neither files nor answers, and the next try does both", async (t) => {
  const { mail, delivery, arrive, sent, subjectsIn, releaseBlob } = await openAway(t);
  const arrival = await arrive(letter({ Subject: "later" }));
  await assert.rejects(
    delivery.deliver(arrival, () => {
      throw new Error("no");
    }),
    /no/,
  );
  assert.equal(mail.toldSenders.wasTold(1, "friend@example.com", 0), false);
  assert.deepEqual(subjectsIn("ada", "inbox"), ["Tea"]);
  sent.length = 0;
  await delivery.deliver(arrival, () => void releaseBlob.run(arrival.hash));
  assert.equal(sent.length, 1);
  assert.deepEqual(subjectsIn("ada", "inbox"), ["Tea", "later"]);
});
