import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

import { libraryParts, loadLibrary } from "../../../origin/apps/oidc/load-library.ts";

test("others have their turn while the provider is loaded, and each of its parts is there still", async () => {
  const library = createRequire(import.meta.resolve("oidc-provider"));
  for (const part of libraryParts) assert.ok(library.resolve(part), part);
  let turns = 0;
  const count = (): void => {
    turns += 1;
    immediate = setImmediate(count);
  };
  let immediate = setImmediate(count);
  const loaded = await loadLibrary();
  clearImmediate(immediate);
  assert.equal(typeof loaded.Provider, "function");
  assert.ok(turns > libraryParts.length, `${turns} turns`);
});
