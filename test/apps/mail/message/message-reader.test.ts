/** A fault of this machine is no fault of the message: it is read later. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createMessageReader } from "../../../../origin/apps/mail/message/message-reader.ts";
import { UnreadableMessageError } from "../../../../origin/apps/mail/message/message.ts";
import { createWorkThread } from "../../../../origin/apps/mail/message/work-thread.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

test("a file that cannot be read is told by the system's code, and only a message that is none is unreadable", async (t) => {
  const folder = temporaryFolder(t);
  const reader = createMessageReader();
  t.after(() => reader.close());
  mkdirSync(join(folder, "folder"));
  for (const [name, code] of [
    ["gone", "ENOENT"],
    ["folder", "EISDIR"],
  ] as const)
    await assert.rejects(reader.read(join(folder, name)), (error: NodeJS.ErrnoException) => {
      assert.ok(!(error instanceof UnreadableMessageError));
      assert.equal(error.code, code);
      return true;
    });
  const parts = join(folder, "parts");
  writeFileSync(
    parts,
    `Content-Type: multipart/mixed; boundary=b\r\n\r\n${"--b\r\n\r\nx\r\n".repeat(1_200)}--b--\r\n`,
  );
  await assert.rejects(reader.read(parts), UnreadableMessageError);
  writeFileSync(join(folder, "letter"), "Subject: Tea\r\n\r\nHello.\r\n");
  assert.equal((await reader.read(join(folder, "letter"))).fields.subject, "Tea");
});

test("a thread that cannot begin does not say that its work is too costly", async (t) => {
  const thread = createWorkThread<string, string>({
    file: new URL("./no-such-thread.ts", import.meta.url),
    limits: { longestMs: 60_000, mostMegabytes: 32 },
    tooCostly: () => new Error("too costly"),
    faultOf: ({ message }) => new Error(message),
  });
  t.after(() => thread.close());
  await assert.rejects(thread.run("work"), { code: /MODULE_NOT_FOUND/ });
});
