import assert from "node:assert/strict";
import { test } from "node:test";

import { judgeRecipient, type MailPolicy, parseMailPolicy } from "../../shared/mail-policy.ts";

const policy: MailPolicy = {
  domain: "example.org",
  refused: ["old@example.org", "ada+shop@example.org"],
  unknown: "refuse",
};

test("an envelope's recipient, by the settings alone", () => {
  const verdicts = Object.entries({
    "ada@example.org": "ask",
    "ADA@Example.ORG": "ask",
    "ada+list@example.org": "ask",
    "ada+shop@example.org": "refused",
    "ada+Shop@example.org": "refused",
    "old@example.org": "refused",
    "old+x+y@example.org": "refused",
    '"old"@example.org': "refused",
    '"old+x"@example.org': "refused",
    "ｏｌｄ@example.org": "refused",
    "older@example.org": "ask",
    "postmaster@example.org": "take",
    "Abuse@example.org": "take",
    "ada@sub.example.org": "foreign",
    "ada@example.org.example": "foreign",
    "ada@example.com": "foreign",
    "a@b@example.org": "ask",
    "@example.org": "foreign",
    "example.org": "foreign",
    "": "foreign",
  } as const);
  for (const [address, verdict] of verdicts) assert.equal(judgeRecipient(policy, address), verdict, address);
  assert.equal(judgeRecipient({ ...policy, unknown: "owner" }, "nobody@example.org"), "take");
});

test("a variable of another form is none", () => {
  assert.deepEqual(parseMailPolicy(JSON.stringify(policy)), policy);
  for (const text of [undefined, "", "null", "{}", "[]", '{"domain":"","refused":[],"unknown":"owner"}'])
    assert.equal(parseMailPolicy(text), undefined, text);
  assert.equal(parseMailPolicy('{"domain":"a.b","refused":[],"unknown":"perhaps"}'), undefined);
});
