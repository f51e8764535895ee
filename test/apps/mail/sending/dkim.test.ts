/** The signature that this server makes, where the relay makes none (RFC 6376), checked with the key from the DNS record. */
import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { test } from "node:test";
import { dkimRecord, newDkimKey, readDkimKey } from "../../../../origin/config/dkim-key.ts";
import { writeSecret } from "../../../../origin/config/secrets.ts";
import { startRelaySink } from "./relay-sink.ts";
import { deliveredTo, openSendingHouse, replyTo } from "./sending-house.ts";

const far = "jo@example.org";

/** Whether the message bears a signature that the record's key vouches for, of header and body both relaxed. */
function isSigned(raw: string, record: string): boolean {
  const cut = raw.indexOf("\r\n\r\n");
  const fields = raw.slice(0, cut).split(/\r\n(?![ \t])/);
  const signature = fields.find((field) => /^dkim-signature:/i.test(field)) ?? "";
  const tags = new Map(
    signature
      .slice(signature.indexOf(":") + 1)
      .split(";")
      .map((tag) => [
        tag.slice(0, tag.indexOf("=")).trim(),
        tag.slice(tag.indexOf("=") + 1).replaceAll(/\s/g, ""),
      ]),
  );
  const relaxed = (field: string): string => {
    const colon = field.indexOf(":");
    const value = field
      .slice(colon + 1)
      .replaceAll("\r\n", "")
      .replaceAll(/[ \t]+/g, " ")
      .trim();
    return `${field.slice(0, colon).toLowerCase().trim()}:${value}`;
  };
  const body = raw
    .slice(cut + 4)
    .replaceAll(/[ \t]+/g, " ")
    .replaceAll(/ \r\n/g, "\r\n")
    .replace(/(?:\r\n)*$/, "\r\n");
  if (createHash("sha256").update(body).digest("base64") !== tags.get("bh")) return false;
  const signed = (tags.get("h") ?? "").split(":").map((name) => {
    return relaxed(fields.findLast((field) => field.toLowerCase().startsWith(`${name}:`)) ?? "");
  });
  const own = relaxed(signature).replace(/(\bb=)[^;]*$/, "$1");
  const key = createPublicKey({
    key: Buffer.from(/p=(\S+)/.exec(record)?.[1] ?? "", "base64"),
    format: "der",
    type: "spki",
  });
  const text = [...signed, own].join("\r\n");
  return verify("RSA-SHA256", Buffer.from(text, "latin1"), key, Buffer.from(tags.get("b") ?? "", "base64"));
}

test("a message is signed for the domain, and the copy in Sent stays as it was written", async (t) => {
  const line = await newDkimKey();
  const sink = await startRelaySink(t);
  const house = await openSendingHouse(t, {
    sink,
    settings: 'dkim_selector = "burrow"\n',
    prepare: (dataDir) => writeSecret(dataDir, "mail-dkim-key", line),
  });
  const { name, value } = dkimRecord(readDkimKey(line, "burrow"), "burrow.localhost");
  assert.equal(name, "burrow._domainkey.burrow.localhost");
  await house.send({ to: [far], bcc: ["kim@example.org"], text: "Grüße.\n.\n..dots  and blanks \n\n\n" });
  await house.send({ to: [far], text: "long\n".repeat(240_000) });
  await sink.arrived(2);
  for (const { raw } of sink.messages) {
    const text = raw.toString("latin1");
    assert.match(text, /d=burrow\.localhost;[^]*s=burrow;/);
    assert.doesNotMatch(text, /^bcc:/im);
    assert.ok(isSigned(text, value));
    assert.ok(!isSigned(text.replace("Subject: hello", "Subject: other"), value));
  }
  const sent = await house.emailsIn("sent");
  for (const { blobId } of sent) assert.doesNotMatch((await house.raw(blobId)).toString(), /dkim-signature/i);
});

test("a key that should be there and is not: nothing goes unsigned, and doctor says what to do", async (t) => {
  const sink = await startRelaySink(t);
  const house = await openSendingHouse(t, { sink, settings: 'dkim_selector = "burrow"\n' });
  const { id } = await house.send({ to: [far] });
  const waiting = await house.until(id, (one) => replyTo(one, far).startsWith("451"));
  assert.equal(deliveredTo(waiting, far), "queued");
  assert.equal(sink.messages.length, 0);
  const [row] = await house.doctor("DKIM key");
  assert.match(`${row?.status} ${row?.mend}`, /^failed burrow mail dkim/);
});
