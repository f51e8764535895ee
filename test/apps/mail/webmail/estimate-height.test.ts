/** How tall the frame of a page is guessed to be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { estimateHeight } from "../../../../origin/apps/mail/webmail/html/estimate-height.ts";

const paragraph = `<p>${"word ".repeat(60)}</p>`;

test("words, paragraphs and pictures make a frame taller, and more so on a phone", () => {
  assert.equal(estimateHeight("<p>See you <b>tomorrow</b>!</p>"), "phone-6 desk-6");
  assert.equal(estimateHeight(paragraph.repeat(3)), "phone-45 desk-13");
  assert.equal(estimateHeight(`<img src=a height="480">`), "phone-30 desk-30");
});

test("what is not shown counts for nothing: styles, scripts, markup", () => {
  const styles = `<style>${"p { color: red } ".repeat(500)}</style><script>${"if (a < b) c(); ".repeat(500)}</script>`;
  const markup = `<span style="${"color:red;".repeat(100)}">`.repeat(30);
  assert.equal(estimateHeight(`${styles}${markup}Hello`), "phone-6 desk-6");
});

test("whatever stands in it, some step comes out", () => {
  for (const html of [
    "",
    "<",
    "<".repeat(1e6),
    "<style>".repeat(1e5),
    "<img height=9999>".repeat(9),
    "a".repeat(1e7),
  ])
    assert.match(estimateHeight(html), /^phone-(?:6|9|13|20|30|45|70|100) desk-(?:6|9|13|20|30|45|70|100)$/);
});
