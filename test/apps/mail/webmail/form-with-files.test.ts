/** A form with files, as a browser without script sends it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, test } from "node:test";
import { openWebmailHouse } from "./webmail-house.ts";

const house = await openWebmailHouse({ after });
const ada = await house.visitor("ada");
const adas = await house.program("ada");

type Part = readonly [name: string, value: string | Buffer, file?: string];

const encode = (parts: readonly Part[]): Buffer =>
  Buffer.concat([
    ...parts.flatMap(([name, value, file]) => [
      Buffer.from(
        `--b\r\nContent-Disposition: form-data; name="${name}"${file === undefined ? "" : `; filename="${file}"\r\nContent-Type: text/x-test`}\r\n\r\n`,
      ),
      Buffer.from(value),
      Buffer.from("\r\n"),
    ]),
    Buffer.from("--b--\r\n"),
  ]);

async function send(body: Buffer, headers: Record<string, string> = {}) {
  const answer = await house.client.request({
    method: "POST",
    path: "/compose/send",
    body,
    headers: {
      accept: "text/html",
      "content-type": "multipart/form-data; boundary=b",
      origin: "https://mail.burrow.localhost",
      "sec-fetch-site": "same-origin",
      cookie: ada.cookie,
      ...headers,
    },
  });
  return { ...answer, location: String(answer.headers["location"] ?? "") };
}

const drafts = async (): Promise<number> =>
  (await adas.call("Email/query", { filter: { hasKeyword: "$draft" } })).ids.length;

test("files arrive as they were, whatever is in them, and fields as they were written", async () => {
  // Larger than any piece of the stream, and full of what looks like an end.
  const bytes = Buffer.from("\r\n--b\r\n-\n--\r--c\r\n\0ü".replaceAll("--b", "--B").repeat(150_000));
  const { location, text } = await send(
    encode([
      ["act", "save"],
      ["subject", "Dateien 📎"],
      ["body", "Ü\r\n"],
      ["files", bytes, "größe/plän.bin"],
      ["files", "", ""],
      ["files", "", "empty.txt"],
    ]),
  );
  assert.match(location, /draft=e\d+/, text);
  const { list } = await adas.call("Email/get", {
    ids: [/draft=(e\d+)/.exec(location)?.[1]],
    properties: ["subject", "attachments"],
  });
  const [{ subject, attachments }] = list;
  assert.equal(subject, "Dateien 📎");
  assert.deepEqual(
    attachments.map(({ name, type, size }: { name: string; type: string; size: number }) => [
      name,
      type,
      size,
    ]),
    [
      ["plän.bin", "text/x-test", bytes.length],
      ["empty.txt", "text/x-test", 0],
    ],
  );
  const got = await house.client.request({
    method: "GET",
    path: `/jmap/download/${adas.accountId}/${attachments[0].blobId}/x`,
    headers: { cookie: ada.cookie, "sec-fetch-site": "same-origin" },
  });
  const hash = (content: Buffer): string => createHash("sha256").update(content).digest("hex");
  assert.equal(hash(got.bytes), hash(bytes));
});

test("a form that is broken, too much, or another site's is refused, and nothing of it is kept", async () => {
  const whole = encode([
    ["act", "save"],
    ["files", "x".repeat(200_000), "a.txt"],
    ["files", "y", "b.txt"],
  ]);
  const before = await drafts();
  for (const [body, status, headers] of [
    [whole.subarray(0, 100_000), 400, {}],
    [whole.subarray(0, 30), 400, {}],
    [Buffer.from("nonsense"), 400, {}],
    [Buffer.alloc(0), 400, {}],
    [whole, 400, { "content-type": "multipart/form-data" }],
    [whole, 415, { "content-type": "multipart/mixed; boundary=b" }],
    [whole, 403, { origin: "https://evil.example", "sec-fetch-site": "cross-site" }],
    [encode([["body", "x".repeat(2_100_000)]]), 413, {}],
    [encode(Array.from({ length: 301 }, (): Part => ["to", "a"])), 413, {}],
    [encode(Array.from({ length: 101 }, (): Part => ["files", "x", "x.txt"])), 413, {}],
    [
      encode([
        ["files", Buffer.alloc(50_000_001), "large.bin"],
        ["files", "y", "b.txt"],
      ]),
      413,
      {},
    ],
  ] as const) {
    const answer = await send(body, headers);
    assert.equal(
      answer.status,
      status,
      `${body.length} ${JSON.stringify(headers)}: ${answer.text.slice(-600)}`,
    );
  }
  assert.equal(await drafts(), before);
  // The server goes on.
  assert.match((await send(whole)).location, /draft=e\d+/);
});
