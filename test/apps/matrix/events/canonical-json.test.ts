import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalJson } from "../../../../origin/apps/matrix/events/canonical-json.ts";
import { MatrixError } from "../../../../origin/apps/matrix/matrix-error.ts";

const isBadJson = (error: unknown): boolean =>
  error instanceof MatrixError && error.status === 400 && error.errcode === "M_BAD_JSON";

test("the specification's examples come out as it prints them", () => {
  const examples: [input: string, canonical: string][] = [
    ["{}", "{}"],
    ['{"one": 1, "two": "Two"}', '{"one":1,"two":"Two"}'],
    ['{"b": "2", "a": "1"}', '{"a":"1","b":"2"}'],
    [
      '{"auth":{"success":true,"mxid":"@ada:example.org","profile":{"display_name":"Ada","three_pids":[{"medium":"email","address":"ada@example.org"},{"medium":"msisdn","address":"123456789"}]}}}',
      '{"auth":{"mxid":"@ada:example.org","profile":{"display_name":"Ada","three_pids":[{"address":"ada@example.org","medium":"email"},{"address":"123456789","medium":"msisdn"}]},"success":true}}',
    ],
    ['{"a": "日本語"}', '{"a":"日本語"}'],
    ['{"本": 2, "日": 1}', '{"日":1,"本":2}'],
    ['{"a": "\\u65E5"}', '{"a":"日"}'],
    ['{"a": null}', '{"a":null}'],
    ['{"a": -0, "b": 1e10}', '{"a":0,"b":10000000000}'],
  ];
  for (const [input, canonical] of examples) assert.equal(canonicalJson(JSON.parse(input)), canonical);
});

test("keys are in the order of code points, not of UTF-16 units", () => {
  // U+1F600 is written with units from U+D800, which are smaller than U+FF61 although its code point is larger.
  assert.equal(canonicalJson({ "\u{1F600}": 1, "\uFF61": 2 }), '{"\uFF61":2,"\u{1F600}":1}');
  assert.equal(canonicalJson({ "\uFF61": 2, "\u{1F600}": 1 }), '{"\uFF61":2,"\u{1F600}":1}');
  assert.equal(canonicalJson({ "a\u{1F600}": 1, "a\uE000": 2, a: 3 }), '{"a":3,"a\uE000":2,"a\u{1F600}":1}');
});

test("keys that look like numbers are sorted as text", () => {
  assert.equal(canonicalJson({ 9: "a", 10: "b", "-": "c" }), '{"-":"c","10":"b","9":"a"}');
});

test("order deep inside an array is put right", () => {
  assert.equal(canonicalJson([{ a: [{ c: 1, b: 2 }] }]), '[{"a":[{"b":2,"c":1}]}]');
});

test("a key named __proto__ stays a key", () => {
  assert.equal(canonicalJson(JSON.parse('{"b":1,"__proto__":{"a":2}}')), '{"__proto__":{"a":2},"b":1}');
});

test("control characters take the shortest escapes", () => {
  assert.equal(
    canonicalJson('\b\t\n\f\r"\\\u0001\u001f\u007f/'),
    '"\\b\\t\\n\\f\\r\\"\\\\\\u0001\\u001f\u007f/"',
  );
});

test("what has no canonical form is refused as bad JSON", () => {
  const bad: unknown[] = [
    1.5,
    -0.1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 53,
    -(2 ** 53),
    1e300,
    undefined,
    1n,
    () => 1,
    "half \uD800",
    "\uDC00 half",
  ];
  for (const value of bad) {
    for (const place of [value, [value], { b: 1, a: { c: value } }]) {
      assert.throws(() => canonicalJson(place), isBadJson, String(value));
    }
  }
  assert.throws(() => canonicalJson({ "\uD800": 1 }), isBadJson);
});

test("the ends of the integer range are accepted", () => {
  assert.equal(canonicalJson([2 ** 53 - 1, -(2 ** 53) + 1]), "[9007199254740991,-9007199254740991]");
});

test("bottomless nesting is refused, not a stack overflow", () => {
  const depth = 30_000;
  assert.throws(() => canonicalJson(JSON.parse("[".repeat(depth) + "]".repeat(depth))), isBadJson);
  assert.equal(
    canonicalJson(JSON.parse("[".repeat(200) + "]".repeat(200))),
    "[".repeat(200) + "]".repeat(200),
  );
});
