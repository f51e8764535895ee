import assert from "node:assert/strict";
import { test } from "node:test";
import { checkHandOvers, checkNames } from "../../../../origin/apps/mail/delivery/check-delivery.ts";

test("doctor tells that name servers fail, and not that a name is none", async () => {
  const answering = (code?: string) => async () => {
    if (code) throw Object.assign(new Error(code), { code });
    return [["v=DMARC1; p=none"]];
  };
  const status = async (code?: string) => (await checkNames(answering(code), "example.org")).status;
  assert.deepEqual(
    [await status(), await status("ENOTFOUND"), await status("ECONNREFUSED"), await status("ETIMEOUT")],
    ["ok", "ok", "warning", "warning"],
  );
});

test("doctor tells what a local mail server has refused", () => {
  const check = (waiting: number, failing: number, error: string | null) =>
    checkHandOvers({ handOvers: { state: () => ({ waiting, failing, error }) } as never });
  assert.deepEqual(checkHandOvers({ handOvers: undefined }), []);
  assert.deepEqual(check(1, 0, null)[0]?.status, "ok");
  const [refused] = check(3, 2, "550 no such user");
  assert.equal(refused?.status, "warning");
  assert.match(refused.detail, /2 of 3 .*550 no such user/);
});
