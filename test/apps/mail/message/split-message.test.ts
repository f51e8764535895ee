import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { splitMessage } from "../../../../origin/apps/mail/message/split-message.ts";

/** The body of each part, of a message that comes in chunks of so many bytes. */
async function bodies(raw: string, size: number): Promise<string[]> {
  const chunks = Array.from({ length: Math.ceil(raw.length / size) }, (_, at) =>
    Buffer.from(raw.slice(at * size, (at + 1) * size), "latin1"),
  );
  const found = new Map<unknown, string>();
  for await (const piece of splitMessage(Readable.from(chunks))) {
    if (piece.type === "node") found.set(piece, "");
    else if (piece.type === "body")
      found.set(piece.node, `${found.get(piece.node) ?? ""}${piece.value?.toString("latin1") ?? ""}`);
  }
  return [...found.values()];
}

test("parts are the same wherever the chunks of the message end", async () => {
  const texts = [
    "",
    "\r\n",
    "one\r\n\r\ntwo\n\nthree\r",
    "--bb\r\n--\r\n-\r\n--b \r\n",
    `${"long ".repeat(20)}--b`,
    "x\r\n\r",
    "\r\r\n--a\n",
  ];
  const parts = texts.map((text) => `--b\r\nContent-Type: text/plain\r\n\r\n${text}\r\n--b`).join("");
  const raw = `Content-Type: multipart/mixed; boundary=b\r\n\r\nbefore\r\n${parts.replaceAll("--b--b", "--b")}--\r\nafter\r\n`;
  for (let size = 1; size < 90; size += 1) assert.deepEqual(await bodies(raw, size), ["", ...texts]);
});
