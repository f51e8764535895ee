/** What people write into subjects, names, addresses and file names never makes a header field of its own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { buffer } from "node:stream/consumers";
import { composeMessage, type NewField, type NewPart } from "../../../../origin/apps/mail/message/compose.ts";
import { newPart } from "../../../../origin/apps/mail/message/new-part.ts";

const breaks = [
  "\r\n",
  "\n",
  "\r",
  "\u0085",
  "\u2028",
  "\0\r\n",
  "\r\n ",
  "\n\t\n",
  '"\r\n',
  ">\r\n",
  ";\r\n",
];

test("no text that a person writes begins a line of the header", async () => {
  for (const mark of breaks) {
    const hostile = `a${mark}Evil: x@example.org`;
    const address = { name: hostile, email: hostile };
    const fields: NewField[] = [
      { name: "Subject", value: { form: "text", value: hostile } },
      { name: "X-Text", value: { form: "text", value: hostile } },
      ...["From", "Sender", "To", "Cc", "Bcc", "Reply-To", "Resent-To"].map(
        (name): NewField => ({
          name,
          value: { form: "addresses", value: [address, { name: hostile, addresses: [address] }] },
        }),
      ),
    ];
    const part: NewPart = {
      ...newPart("text/plain", "Hello."),
      name: hostile,
      cid: hostile,
      location: hostile,
      language: [hostile],
    };
    const root = newPart("multipart/mixed", [part, { ...part, disposition: "inline" }]);
    const raw = (
      await buffer(composeMessage({ fields, root }, { domain: "example.org", now: 0 }))
    ).toString();
    assert.doesNotMatch(raw, /\r(?!\n)|(?<!\r)\n/, JSON.stringify(mark));
    // Lines end with CRLF only: JavaScript has more ends of its own.
    assert.doesNotMatch(raw, /\r\nevil/i, JSON.stringify(mark));
  }
});
