import assert from "node:assert/strict";
import { test } from "node:test";
import { MatrixError } from "../../../../origin/apps/matrix/matrix-error.ts";
import { parseQuery } from "../../../../origin/apps/matrix/search/query.ts";
import { termsOf, wordsOf } from "../../../../origin/apps/matrix/search/words.ts";

const finds = (query: string, text: string): boolean => parseQuery(query).match(wordsOf(text)) !== undefined;

test("words are found whatever their case and accents, from their beginning on", () => {
  for (const [query, text] of [
    ["hello", "Hello, world"],
    ["wor hel", "Hello, world"],
    ["CAFE", "au café"],
    ["café", "au cafe"],
    ["strasse", "Straße"],
    ["lodz", "Łódź"],
    ["istanbul", "İstanbul"],
    ["Σοφός", "ΣΟΦΟΣ"],
    ["привет", "Привет!"],
    ["й", "Й"],
    ["हिन्दी", "मैं हिन्दी बोलता हूँ"],
    ["كتب", "كَتَبَ"],
    ["がくせい", "学生（がくせい）"],
    ["학교", "학교에서 만나요"],
    ["42", "It is 42."],
    ["don't", "don't"],
  ] as const) {
    assert.ok(finds(query, text), `${query} in ${text}`);
  }
  for (const [query, text] of [
    ["ello", "hello"],
    ["hello mars", "Hello, world"],
    ["helloworld", "hello world"],
  ] as const) {
    assert.ok(!finds(query, text), `${query} not in ${text}`);
  }
});

test("scripts without spaces are found by any part", () => {
  const text = "明日は東京タワーへ行きます";
  for (const query of ["東京", "京", "す", "東京タワー", "明日 行き"]) assert.ok(finds(query, text), query);
  assert.ok(!finds("かくせい", "がくせい"));
  for (const query of ["京東", "大阪", "明東"]) assert.ok(!finds(query, text), query);
  assert.ok(finds("日本 node", "Node日本語会"));
  assert.ok(finds("กรุงเทพ", "ฉันอยู่กรุงเทพมหานคร"));
});

test("what is quoted must stand so", () => {
  assert.ok(finds('"new york"', "In New York today"));
  assert.ok(!finds('"new york"', "york is new"));
  assert.ok(!finds('"new yor"', "New York"));
  assert.ok(finds('"new york', "new york"));
  assert.ok(finds('today "new york"', "New York, today"));
});

test("the index has every term that a query asks for", () => {
  const texts = [
    "Hello, world",
    "明日は東京タワーへ",
    `${"x".repeat(200)} end`,
    "Node日本語",
    "½ café 𠮷野家",
  ];
  const queries = [
    "hel",
    "東京",
    "京",
    "へ",
    "x".repeat(100),
    "x".repeat(200),
    "node 本",
    "2",
    "𠮷野",
    "家",
    '"日本"',
  ];
  for (const text of texts) {
    const terms = [...termsOf(wordsOf(text))].map((term) => `c:${term}`);
    for (const query of queries.filter((each) => finds(each, text))) {
      const expression = parseQuery(query).expression(12) ?? "";
      for (const [, term = "", star] of expression.matchAll(/"([^"]*)"( \*)?/g)) {
        assert.ok(
          terms.some((each) => (star ? each.startsWith(term) : each === term)),
          `${term} of ${query} in ${text}`,
        );
      }
    }
  }
});

test("what the found words are called in the text, and how many words are too many", () => {
  assert.deepEqual(parseQuery("cafe tow").match(wordsOf("Café and Tower, café")), {
    counts: [2, 1],
    found: ["Café", "café", "Tower"],
  });
  assert.equal(parseQuery("... !!").expression(1), undefined);
  assert.throws(() => parseQuery("a ".repeat(33)), MatrixError);
});
