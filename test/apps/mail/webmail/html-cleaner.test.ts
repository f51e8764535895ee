/** Pages that take too much: refused, and not tried again at once. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  createHtmlCleaner,
  HtmlTooCostlyError,
} from "../../../../origin/apps/mail/webmail/html/html-cleaner.ts";

const hour = 60 * 60 * 1000;
let time = 0;
const cleaner = createHtmlCleaner(() => time, { longestMs: 60_000, mostMegabytes: 20 });
after(() => cleaner.close());

const small = { html: "<p>Small</p>", pictures: false, inline: {} };

test("a page that took too much is refused at once when it is opened again, for an hour, and no other with it", async () => {
  await assert.rejects(
    cleaner.clean("costly", { ...small, html: "<b><i>".repeat(300_000) }),
    HtmlTooCostlyError,
  );
  assert.equal(await cleaner.clean("other", small), small.html);
  // Small by now: it would be cleaned, were it tried.
  time += hour - 1;
  await assert.rejects(cleaner.clean("costly", small), HtmlTooCostlyError);
  time += 1;
  assert.equal(await cleaner.clean("costly", small), small.html);
});
