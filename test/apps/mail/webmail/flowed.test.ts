/** Text as it is sent and read again: `format=flowed` (RFC 3676). */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { flow, flowedType, unflow } from "../../../../origin/apps/mail/webmail/flowed.ts";
import type { BodyPart } from "../../../../origin/apps/mail/message/message.ts";

const partOf = (type: string) =>
  ({ headers: [{ name: "Content-Type", value: ` ${type}` }] }) as unknown as BodyPart;
const read = (text: string): string => unflow(text, partOf(flowedType));

test("a long paragraph is broken at spaces, and a quote keeps its marks in each line", () => {
  const long = "word ".repeat(20).trim();
  assert.equal(flow(long), `${"word ".repeat(14)}\n${"word ".repeat(6).trim()}`);
  assert.equal(flow(`>> ${long}`), `>> ${"word ".repeat(14)}\n>> ${"word ".repeat(6).trim()}`);
  for (const line of flow(`> ${long.repeat(9)}`).split("\n")) assert.ok(line.length <= 78, line);
});

test("what means something at a line's beginning or end is kept from meaning it", () => {
  assert.equal(
    flow("From here\n indented\n>> deeper\n>\nspace \n-- \nAda"),
    " From here\n  indented\n>> deeper\n>\nspace\n-- \nAda",
  );
  assert.ok(
    !flow(`${"a".repeat(70)} -- ${"b".repeat(70)}`)
      .split("\n")
      .includes("-- "),
  );
});

test("others' lines run on within their quote; with DelSp the space goes", () => {
  assert.equal(
    read("one \ntwo\n> three \n>four\n>> five \nsix\n-- \nAda"),
    "one two\n> three four\n>> five \nsix\n-- \nAda",
  );
  assert.equal(unflow("明日 \n十時", partOf('text/plain; Format="Flowed"; DelSp=Yes')), "明日十時");
  assert.equal(unflow("one \ntwo", partOf("text/plain")), "one \ntwo");
});

test("whatever is written comes out as it was, but for spaces at the ends of lines", () => {
  const line = fc
    .array(fc.constantFrom("a", "ü", " ", ">", "-", "From ", "word ", "word ".repeat(20), "x".repeat(90)))
    .map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
      const text = lines
        .map((one) => (one === "-- " ? one : one.trimEnd()))
        // One space after the marks is the usual one.
        .map((one) => one.replace(/^(>+) ?(?=.)/, "$1 ").trimEnd())
        .join("\n");
      assert.equal(read(flow(text)), text);
    }),
  );
});
