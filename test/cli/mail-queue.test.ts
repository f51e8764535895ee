/** What the owner sees and does on the device about mail that waits, and the record of the key that signs it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { dkimRecord, readDkimKey } from "../../origin/config/dkim-key.ts";
import { readOptionalSecret } from "../../origin/config/secrets.ts";
import { startRelaySink } from "../apps/mail/sending/relay-sink.ts";
import { deliveredTo, openSendingHouse, replyTo } from "../apps/mail/sending/sending-house.ts";
import { runCommand } from "../support/run-command.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

test("mail queue: list, retry and cancel", async (t) => {
  const sink = await startRelaySink(t);
  const house = await openSendingHouse(t, { sink });
  const queue = (...words: string[]) => runCommand(["--data", house.dataDir, "mail", "queue", ...words]);
  assert.match((await queue("list")).stdout, /^Mail leaves by 127\.0\.0\.1\.\nNothing waits\.\n$/);

  const far = "jo@example.org";
  sink.answers.recipient = () => "450 4.2.1 Later, please";
  const first = await house.send({ to: [far] });
  await house.until(first.id, (one) => replyTo(one, far).startsWith("450"));
  const listed = await queue("list");
  const { messages } = JSON.parse(
    (await runCommand(["--data", house.dataDir, "--json", "mail", "queue", "list"])).stdout,
  );
  assert.match(
    listed.stdout,
    new RegExp(`${messages[0].id}  ada → jo@example\\.org, 1 try, next .* UTC, "450 4\\.2\\.1 Later`),
  );
  sink.answers = {};
  assert.match((await queue("retry", messages[0].id)).stdout, /tried now/);
  await house.until(first.id, (one) => deliveredTo(one, far) === "unknown");
  assert.equal((await queue("retry", messages[0].id)).code, 1);

  sink.answers.recipient = () => "450 4.2.1 Later, please";
  const second = await house.send({ to: [far] });
  await house.until(second.id, (one) => replyTo(one, far).startsWith("450"));
  const [{ id }] = JSON.parse(
    (await runCommand(["--data", house.dataDir, "--json", "mail", "queue", "list"])).stdout,
  ).messages;
  assert.match((await queue("cancel", id)).stdout, /taken back/);
  assert.equal((await house.submission(second.id)).undoStatus, "canceled");
  assert.equal((await queue("cancel", id)).code, 1);
  assert.match((await queue("retry", "--all")).stdout, /Nothing waits/);
  for (const words of [["cancel"], ["retry"], ["retry", "s1", "--all"], ["list", "s1"]])
    assert.equal((await queue(...words)).code, 2, words.join(" "));
});

test("mail dkim: says how to begin, makes the key once, prints the record", async (t) => {
  const data = join(temporaryFolder(t), "data");
  const run = (...words: string[]) => runCommand(["--data", data, ...words]);
  await run("init", "--server-name", "example.org");
  assert.equal((await run("mail", "dkim")).code, 1);
  await run("config", "set", "mail.enabled", "true");
  assert.equal((await run("mail", "dkim")).code, 1);
  await run("config", "set", "mail.dkim_selector", "burrow");
  const made = await run("--json", "mail", "dkim");
  const again = await run("--json", "mail", "dkim");
  const [one, two] = [made, again].map(({ stdout }) => JSON.parse(stdout));
  assert.deepEqual([one.made, two.made, one.value === two.value], [true, false, true]);
  const key = readDkimKey(readOptionalSecret(data, "mail-dkim-key") ?? "", "burrow");
  assert.deepEqual(dkimRecord(key, "example.org"), { name: one.name, value: one.value });
  const shown = await run("mail", "dkim");
  const pieces = [...shown.stdout.matchAll(/"([^"]*)"/g)].map(([, piece = ""]) => piece);
  assert.equal(pieces.join(""), one.value);
  assert.ok(pieces.every((piece) => piece.length <= 255));
});
