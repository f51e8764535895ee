/** The owner's aliases, by the command line beside a running daemon. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runCommand } from "../../../support/run-command.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { openMailHouse } from "../jmap/house.ts";

test("the owner adds, lists and removes aliases; what would do harm is refused and changes nothing", async (t) => {
  const dataDir = join(temporaryFolder(t), "data");
  const { program } = await openMailHouse(t, { dataDir });
  const alias = async (...words: string[]) =>
    await runCommand(["--data", dataDir, "--json", "mail", "alias", ...words]);
  const added = await alias("add", "Sales@", "ben");
  assert.deepEqual(added.json(), {
    name: "sales",
    address: "sales@burrow.localhost",
    members: ["ben"],
  });
  // One's own alias is an address to write as, until it is shared.
  const ben = await program("ben");
  const identity = { name: "Shop", email: "sales@burrow.localhost" };
  const made = await ben.call("Identity/set", { create: { a: identity } });
  assert.ok(made.created.a.id);
  assert.deepEqual((await alias("add", "sales", "ada")).json<{ members: string[] }>().members, [
    "ada",
    "ben",
  ]);
  const shared = await ben.call("Identity/set", { create: { a: identity } });
  assert.equal(shared.notCreated.a.type, "forbiddenFrom");

  for (const [words, why] of [
    [["add", "ben@", "ada"], /name of a member/],
    [["add", "x@", "nobody"], /no member nobody/],
    [["add", "x@elsewhere.example", "ada"], /ends in @burrow\.localhost/],
    [["add", "a+b@", "ada"], /no \+/],
    [["add", "a b@", "ada"], /letters/],
    [["remove", "x@"], /no alias x/],
    [["remove", "sales@", "nobody"], /nobody gets no mail/],
  ] as const) {
    const { code, stdout } = await alias(...words);
    assert.equal(code, 1, words.join(" "));
    assert.match(stdout, why);
  }
  assert.deepEqual((await alias("list")).json<{ aliases: unknown[] }>().aliases.length, 1);
  assert.deepEqual((await alias("remove", "sales@", "ada")).json<{ members: string[] }>().members, ["ben"]);
  assert.deepEqual((await alias("remove", "sales@")).json<{ members: string[] }>().members, []);
  assert.deepEqual((await alias("list")).json(), { aliases: [] });
});
