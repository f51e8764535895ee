import assert from "node:assert/strict";
import { test } from "node:test";
import { splitPropertyPath } from "../../../../origin/apps/matrix/events/property-path.ts";

test("a path is split at its dots, with the specification's two escapes and no others", () => {
  const table: [path: string, names: string[]][] = [
    ["content.body", ["content", "body"]],
    ["content.m\\.relates_to", ["content", "m.relates_to"]],
    ["content.m\\\\foo", ["content", "m\\foo"]],
    ["content.m\\\\.foo", ["content", "m\\", "foo"]],
    ["content.a\\xb", ["content", "a\\xb"]],
    ["trailing\\", ["trailing\\"]],
    ["a..b.", ["a", "", "b", ""]],
    ["", [""]],
  ];
  for (const [path, names] of table) assert.deepEqual(splitPropertyPath(path), names, path);
});
