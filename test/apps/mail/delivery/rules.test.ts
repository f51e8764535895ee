import assert from "node:assert/strict";
import { test } from "node:test";
import { applyRules, type Examined } from "../../../../origin/apps/mail/delivery/apply-rules.ts";
import { readRules, type Rule } from "../../../../origin/apps/mail/delivery/rule.ts";
import { letter, openDelivery } from "./open-delivery.ts";

const message: Examined = {
  fields: {
    from: [{ name: "Straße GmbH", email: "News@Shop.example" }],
    to: [{ name: null, email: "ada+shop@example.org" }],
    cc: null,
    subject: "ＩＮＶＯＩＣＥ  for  Ελλάς",
  },
  recipient: "sales@example.org",
  listId: "Dev <dev.lists.example>",
  hasAttachment: true,
  isSpam: false,
};
const rule = (
  conditions: Rule["conditions"],
  actions: Rule["actions"],
  match: "all" | "any" = "all",
): Rule => ({
  name: "",
  match,
  conditions,
  actions,
});
const holds = (...conditions: Rule["conditions"]): boolean =>
  applyRules([rule(conditions, { flag: true })], message).keywords.length === 1;

test("conditions fold letters of any script and width, and `is` means the whole", () => {
  assert.ok(holds({ field: "subject", test: "contains", value: "invoice for ΕΛΛΆΣ" }));
  assert.ok(holds({ field: "from", test: "is", value: "STRASSE gmbh" }));
  assert.ok(holds({ field: "from", test: "is", value: "news@shop.example" }));
  assert.ok(!holds({ field: "from", test: "is", value: "shop.example" }));
  assert.ok(holds({ field: "to", test: "contains", value: "SALES@" }));
  assert.ok(
    holds({ field: "list-id", test: "contains", value: "dev.lists" }, { field: "attachment", value: true }),
  );
  assert.ok(!holds({ field: "attachment", value: true }, { field: "subject", test: "is", value: "invoice" }));
});

test("later rules outdo earlier ones, until one says stop", () => {
  const always: Rule["conditions"] = [{ field: "attachment", value: true }];
  const never = { field: "subject", test: "is", value: "-" } as const;
  const rules = [
    rule(always, { fileInto: 1, markRead: true }),
    rule([never, ...always], { trash: true }, "all"),
    rule([never, ...always], { fileInto: 2, stop: true }, "any"),
    rule(always, { fileInto: 3 }),
  ];
  assert.deepEqual(applyRules(rules, message), { fileInto: 2, trash: false, keywords: ["$seen"] });
  assert.deepEqual(applyRules([...rules.slice(0, 2), rule(always, { trash: true })], message).trash, true);
});

test("on spam only those rules work that ask for it", () => {
  const spam = { ...message, isSpam: true };
  const from = { field: "from", test: "contains", value: "shop" } as const;
  assert.equal(applyRules([rule([from], { fileInto: 1 })], spam).fileInto, undefined);
  assert.equal(applyRules([rule([from, { field: "spam", value: true }], { fileInto: 1 })], spam).fileInto, 1);
});

test("rules that are none are refused, and say which and why", () => {
  const good = rule([{ field: "from", test: "is", value: "a" }], { fileInto: 7 });
  const read = (given: unknown): Rule[] => readRules(given, (id) => id === 7);
  assert.deepEqual(read([good]), [good]);
  for (const [given, why] of [
    [{}, /list/],
    [Array.from({ length: 101 }, () => good), /100/],
    [[good, { ...good, conditions: [] }], /^Rule 2: without a condition/],
    [[{ ...good, actions: {} }], /does nothing/],
    [[{ ...good, actions: { fileInto: 8 } }], /no such mailbox/],
    [[{ ...good, actions: { flag: "yes" } }], /flag/],
    [[{ ...good, actions: { forward: "x" } }], /does nothing/],
    [[{ ...good, match: "some" }], /match/],
    [[{ ...good, conditions: [{ field: "body", test: "is", value: "x" }] }], /cannot be read/],
    [[{ ...good, conditions: [{ field: "from", test: "is", value: " " }] }], /cannot be read/],
    [[{ ...good, conditions: [{ field: "spam", value: "yes" }] }], /cannot be read/],
    [[{ ...good, more: 1 }], /nothing else/],
  ] as const)
    assert.throws(() => read(given), { name: "RuleError", message: why });
});

test("a member's rules file, mark and throw away; one whose mailbox is gone leaves the letter in the inbox", async (t) => {
  const { mail, account, deliver, subjectsIn, newest } = await openDelivery(t);
  await deliver(letter());
  const ada = account("ada");
  const box = await mail.database.write((transaction) =>
    mail.mailboxes.insert(transaction, ada, {
      parent: null,
      name: "Bills",
      role: null,
      sortOrder: 9,
      subscribed: true,
    }),
  );
  const subject = (value: string): Rule["conditions"] => [{ field: "subject", test: "contains", value }];
  await mail.database.write((transaction) =>
    mail.rules.replace(transaction, ada, [
      rule(subject("bill"), { fileInto: box, markRead: true, flag: true }),
      rule(subject("sale"), { trash: true }),
    ]),
  );
  await deliver(letter({ Subject: "Your bill" }));
  assert.deepEqual(mail.emails.mailboxesOf(newest("ada").id), [box]);
  assert.deepEqual(mail.emails.keywordsOf(newest("ada").id), ["$flagged", "$seen"]);
  await deliver(letter({ Subject: "SALE" }));
  assert.deepEqual(subjectsIn("ada", "trash"), ["SALE"]);
  await mail.database.write((transaction) => {
    for (const id of mail.emails.idsIn(box)) mail.emails.remove(transaction, mail.emails.get(ada, id)!);
    mail.mailboxes.remove(transaction, mail.mailboxes.get(ada, box)!);
  });
  await deliver(letter({ Subject: "bill again" }));
  assert.deepEqual(subjectsIn("ada", "inbox"), ["Tea", "bill again"]);
});
