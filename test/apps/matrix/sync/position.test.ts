import assert from "node:assert/strict";
import { test } from "node:test";
import { MatrixError } from "../../../../origin/apps/matrix/matrix-error.ts";
import { formatToken, parseToken } from "../../../../origin/apps/matrix/sync/position.ts";

test("a token reads back as what was written", () => {
  assert.deepEqual(parseToken(formatToken({ so: 12, typing: 34 })), { so: 12, typing: 34 });
  assert.deepEqual(parseToken(formatToken({ so: 12, typing: 34, toDevice: 9 })), {
    so: 12,
    typing: 34,
    toDevice: 9,
  });
  assert.equal(formatToken({ so: 12, typing: 34, toDevice: 12 }), "s12_34", "nothing is outstanding");
  assert.deepEqual(parseToken(formatToken({ so: 12 })), { so: 12, typing: 0 });
});

test("anything else is refused", () => {
  for (const text of [
    "",
    "12",
    "s",
    "s-1",
    "s1.5",
    "s1_",
    "s1_2_",
    "s1_2_3_4",
    "S1",
    " s1",
    "s1 ",
    "t1_0",
    "s9999999999999999",
  ]) {
    assert.throws(
      () => parseToken(text),
      (error) => error instanceof MatrixError && error.errcode === "M_INVALID_PARAM",
      text,
    );
  }
});
