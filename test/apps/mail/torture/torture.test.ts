/** What nobody should send is filed and can be read, or is kept aside; nothing else happens. */
import assert from "node:assert/strict";
import { after as afterAll, test } from "node:test";
import * as fc from "fast-check";
import { Arguments } from "../../../../origin/apps/mail/jmap/arguments.ts";
import { answerEmailGet } from "../../../../origin/apps/mail/jmap/email-get.ts";
import { UnreadableMessageError } from "../../../../origin/apps/mail/message/message.ts";
import { openDelivery } from "../delivery/open-delivery.ts";
import { corpus, withAttachment } from "./corpus.ts";

const house = await openDelivery({ after: afterAll });

/** As a mail program sees an email of ada's, all of it. */
async function read({ hash }: { hash: string }) {
  const { mail, account } = house;
  const id = mail.emails.byBlob(account("ada"), hash);
  const args = new Arguments({
    accountId: `u${account("ada")}`,
    ids: [`e${id}`],
    properties: [
      "subject",
      "size",
      "from",
      "to",
      "cc",
      "replyTo",
      "sentAt",
      "receivedAt",
      "messageId",
      "references",
      "headers",
      "preview",
      "hasAttachment",
      "bodyStructure",
      "textBody",
      "htmlBody",
      "attachments",
      "bodyValues",
    ],
    fetchAllBodyValues: true,
  });
  const user = { account: account("ada"), member: undefined, address: "" };
  const answer = (await answerEmailGet(mail, { user, args, createdIds: new Map() } as never)) as {
    list: {
      subject: string | null;
      size: number;
      attachments: { name: string | null }[];
      bodyValues: Record<string, { value: string }>;
    }[];
  };
  // What goes to a client is JSON.
  return JSON.parse(JSON.stringify(answer)).list[0] as (typeof answer.list)[0];
}

/** The address from which a letter comes takes part in no look-up. */
const quiet = { mailFrom: "", results: "" };

test("every message of the corpus is filed and can be read, or is kept aside", {
  concurrency: 8,
}, async (t) => {
  const tried = corpus.map((sample) =>
    t.test(sample.name, async () => {
      const delivered = house.deliver(sample.raw(), quiet);
      if (sample.unreadable) {
        await assert.rejects(delivered, UnreadableMessageError);
        return;
      }
      const { subject, bodyValues, attachments } = await read(await delivered);
      if (sample.subject !== undefined) assert.equal(subject, sample.subject);
      const texts = Object.values(bodyValues).map(({ value }) => value);
      if (sample.body !== undefined)
        assert.ok(
          texts.some((text) => text.includes(sample.body!)),
          texts.join("|").slice(0, 500),
        );
      if (sample.attachments)
        assert.deepEqual(
          attachments.map(({ name }) => name),
          sample.attachments,
        );
    }),
  );
  await Promise.all(tried);
});

test("a message of 24 MB lies in the mailbox as it came", async () => {
  const raw = withAttachment(17_500_000);
  const email = await read(await house.deliver(raw, quiet));
  assert.deepEqual(
    email.attachments.map(({ name }) => name),
    ["large.bin"],
  );
  assert.equal(email.size, raw.length);
});

test("small messages with chance changes are filed, or kept aside", async () => {
  const small = corpus.map(({ raw }) => raw()).filter(({ length }) => length < 4000);
  const change = fc.record({
    at: fc.nat(),
    kind: fc.constantFrom("flip", "cut", "twice", "insert"),
    octet: fc.nat(255),
  });
  const cases = fc.record({
    which: fc.nat(small.length - 1),
    changes: fc.array(change, { minLength: 1, maxLength: 12 }),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ which, changes }) => {
      let raw = small[which]!;
      for (const { at, kind, octet } of changes) {
        const place = raw.length === 0 ? 0 : at % raw.length;
        const [before, after] = [raw.subarray(0, place), raw.subarray(place)];
        if (kind === "flip") raw = Buffer.concat([before, Buffer.from([octet]), after.subarray(1)]);
        else if (kind === "cut") raw = Buffer.concat([before, after.subarray(octet)]);
        else if (kind === "twice") raw = Buffer.concat([before, after.subarray(0, octet), after]);
        else
          raw = Buffer.concat([before, Buffer.from("\r\n--b\r\n\0=?utf-8?q?".slice(0, octet % 18)), after]);
      }
      try {
        assert.ok(await read(await house.deliver(raw, quiet)));
      } catch (error) {
        if (error instanceof UnreadableMessageError) return;
        throw error;
      }
    }),
    { seed: Number(process.env["BURROW_SEED"] ?? 2026), numRuns: Number(process.env["BURROW_RUNS"] ?? 60) },
  );
});
