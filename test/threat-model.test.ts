import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { projectRoot } from "./support/run-burrow.ts";

const page = readFileSync(join(projectRoot, "docs/threat-model.md"), "utf8");
const rows = page
  .split("\n")
  .filter((line) => /^\| [A-Z]\d/.test(line))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test("every file that the threat model names is there", () => {
  const named = [...page.matchAll(/`([\w./-]+\.ts)`/g)].map((match) => match[1] ?? "");
  assert.ok(named.length > 50);
  assert.deepEqual(
    named.filter((file) => !existsSync(join(projectRoot, file))),
    [],
  );
});

test("a row that holds names its code and its proof", () => {
  assert.ok(rows.length > 30);
  const bare = rows.filter(([, , state = "", code = "", proof = ""]) => {
    return state.startsWith("holds") && !(code.includes(".ts") && proof.includes(".test.ts"));
  });
  assert.deepEqual(bare, []);
});
