import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { sealMessage } from "mailauth/lib/arc/index.js";
import { dkimSign } from "mailauth/lib/dkim/sign.js";
import { readSpf } from "../../../../origin/apps/mail/delivery/edge-results.ts";
import { letter, openDelivery, password } from "./open-delivery.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = privateKey.export({ type: "pkcs8", format: "pem" });
const keyRecord = `v=DKIM1; p=${publicKey.export({ type: "spki", format: "der" }).toString("base64")}`;
const reject = ["v=DMARC1; p=reject"];

async function sign(raw: string, signingDomain: string): Promise<string> {
  const bytes = raw.replaceAll(/\r?\n/g, "\r\n");
  const { signatures } = await dkimSign(Buffer.from(bytes), {
    signatureData: [{ signingDomain, selector: "s", privateKey: key }],
  } as never);
  return signatures + bytes;
}

const unknownSender = "mx.cloudflare.net; spf=none smtp.mailfrom=a@bulk.example";

test("a letter that its domain disowns is spam; one that it signed, or whose machine it names, is none", async (t) => {
  const { names, deliver, subjectsIn, newest, mail } = await openDelivery(t);
  names.set("TXT _dmarc.bank.example", reject);
  names.set("TXT s._domainkey.bank.example", [keyRecord]);
  names.set("TXT s._domainkey.bulk.example", [keyRecord]);
  const from = (Subject: string): string => letter({ From: "Bank <help@bank.example>", Subject });
  const asBulk = { mailFrom: "a@bulk.example", results: unknownSender };

  await deliver(from("forged"), asBulk);
  assert.deepEqual(mail.emails.keywordsOf(newest("ada").id), ["$junk"]);
  const verdict = mail.verdicts.get(newest("ada").id);
  assert.ok(verdict?.isSpam);
  assert.match(
    verdict.results,
    /^example\.org; .*spf=none smtp\.mailfrom=bulk\.example; dmarc=fail .*header\.from=bank\.example/,
  );

  await deliver(await sign(from("of another"), "bulk.example"), asBulk);
  const signed = await sign(from("signed"), "bank.example");
  await deliver(signed, asBulk);
  await deliver(signed.replace("Hello.", "Send money."), asBulk);
  await deliver(from("by its machine"), {
    mailFrom: "bounce@mail.bank.example",
    results: "mx.cloudflare.net; spf=pass smtp.mailfrom=bounce@mail.bank.example",
  });
  await deliver(letter({ From: "a@plain.example", Subject: "no policy" }), asBulk);
  await deliver(letter({ From: "a@plain.example, help@bank.example", Subject: "two authors" }), asBulk);
  assert.deepEqual(subjectsIn("ada", "inbox"), ["signed", "by its machine", "no policy"]);
  assert.deepEqual(subjectsIn("ada", "junk"), ["forged", "of another", "signed", "two authors"]);
});

test("nothing is spam because a name server fails, or because the sender's machine is not known", async (t) => {
  const { names, deliver, subjectsIn } = await openDelivery(t);
  names.set("TXT _dmarc.bank.example", reject);
  names.set("TXT s._domainkey.bank.example", "ETIMEOUT");
  const from = (Subject: string): string => letter({ From: "Bank <help@bank.example>", Subject });
  await deliver(await sign(from("key not to be had"), "bank.example"), {
    mailFrom: "a@bulk.example",
    results: unknownSender,
  });
  await deliver(from("no results"), { mailFrom: "a@bulk.example", results: "" });
  names.set("TXT _dmarc.bank.example", "ESERVFAIL");
  await deliver(from("policy not to be had"), { mailFrom: "a@bulk.example", results: unknownSender });
  assert.equal(subjectsIn("ada", "inbox").length, 3);
});

test("a forger gets by neither with keys that cannot be had, nor with many of them", async (t) => {
  const { names, asked, deliver, subjectsIn } = await openDelivery(t);
  names.set("TXT _dmarc.bank.example", reject);
  names.set("TXT s._domainkey.dead.example", "ETIMEOUT");
  const forged = letter({ From: "help@bank.example" });
  const asBulk = { mailFrom: "a@bulk.example", results: unknownSender };
  await deliver(await sign(forged, "dead.example"), asBulk);
  let many = forged;
  for (let count = 0; count < 40; count += 1) many = await sign(many, `dead${count}.example`);
  asked.length = 0;
  await deliver(many, asBulk);
  await deliver(letter({ From: "help@bank.example", "X-Folded": "\r\n a".repeat(200_000) }), asBulk);
  await deliver(
    letter({ From: "help@bank.example", "DKIM-Signature": `b=${"\r\n a".repeat(10_000)}` }),
    asBulk,
  );
  assert.equal(subjectsIn("ada", "junk").length, 4);
  assert.deepEqual(asked, []);
});

test("what members write to each other asks no name server", async (t) => {
  const { members, deliver, asked, subjectsIn } = await openDelivery(t);
  await members.createAccount({ name: "ben", password });
  const fromBen = { mailFrom: "ben@example.org", results: "" };
  await deliver(letter({ From: "ben@example.org" }), { ...fromBen, isFromHere: true });
  assert.deepEqual([subjectsIn("ada", "inbox"), asked], [["Tea"], []]);
  await deliver(letter(), { results: "" });
  assert.notDeepEqual(asked, []);
});

test("who claims from outside to be of this house is put aside, whatever the envelope says, unless something backs it", async (t) => {
  const { members, names, deliver, subjectsIn } = await openDelivery(t);
  await members.createAccount({ name: "ben", password });
  const from = (Subject: string): string => letter({ From: "Ben <Ben@example.org>", Subject });
  // Without a word of the edge, as if it had never passed it.
  await deliver(from("bare"), { mailFrom: "ben@example.org", results: "" });
  await deliver(from("by a stranger"), { mailFrom: "a@bulk.example", results: unknownSender });
  await deliver(letter({ From: "postmaster@example.org", Subject: "role" }), { results: "" });
  names.set("TXT _dmarc.example.org", ["v=DMARC1; p=none"]);
  await deliver(from("lax policy"), { mailFrom: "ben@example.org", results: "" });
  assert.deepEqual(subjectsIn("ada", "junk"), ["bare", "by a stranger", "role", "lax policy"]);

  names.set("TXT s._domainkey.example.org", [keyRecord]);
  const byMachine = {
    mailFrom: "ben@example.org",
    results: "mx.cloudflare.net; spf=pass smtp.mailfrom=ben@example.org",
  };
  await deliver(await sign(from("signed"), "example.org"), { mailFrom: "list@list.example", results: "" });
  await deliver(from("by its machine"), byMachine);
  names.delete("TXT _dmarc.example.org");
  await deliver(await sign(from("signed, no policy"), "example.org"), {
    mailFrom: "x@y.example",
    results: "",
  });
  await deliver(from("by its machine, no policy"), byMachine);
  await deliver(letter({ From: "shop@example.org", Subject: "nobody's" }), { results: "" });
  assert.deepEqual(subjectsIn("ada", "inbox"), [
    "signed",
    "by its machine",
    "signed, no policy",
    "by its machine, no policy",
    "nobody's",
  ]);
});

test("a forwarder that is trusted vouches for what it changed; a stranger's seal on top undoes that", async (t) => {
  const { names, deliver, subjectsIn } = await openDelivery(t);
  names.set("TXT _dmarc.bank.example", reject);
  for (const domain of ["google.com", "stranger.example"])
    names.set(`TXT s._domainkey.${domain}`, [keyRecord]);
  const seal = async (raw: string, signingDomain: string, authResults: string, cv: string, i: number) => {
    const options = { signingDomain, selector: "s", privateKey: key, authResults, cv, i };
    const bytes = raw.replaceAll(/\r?\n/g, "\r\n");
    return (await sealMessage(Buffer.from(bytes), options)).toString() + bytes;
  };
  const raw = letter({ From: "help@bank.example", Subject: "through a list" });
  const passed = "mx.google.com; dmarc=pass header.from=bank.example";
  const asBulk = { mailFrom: "a@bulk.example", results: unknownSender };
  const byGoogle = await seal(raw, "google.com", passed, "none", 1);
  await deliver(byGoogle, asBulk);
  await deliver(
    await seal(byGoogle.replace("Hello.", "Send money."), "stranger.example", passed, "pass", 2),
    asBulk,
  );
  await deliver(await seal(raw, "stranger.example", passed, "none", 1), asBulk);
  // Nobody is spam because the forwarder's key cannot be had just now.
  names.set("TXT s._domainkey.google.com", "ESERVFAIL");
  await deliver(byGoogle, asBulk);
  assert.equal(subjectsIn("ada", "inbox").length, 2);
  assert.equal(subjectsIn("ada", "junk").length, 2);
});

test("only what the edge itself says of SPF is believed", () => {
  const spf = (text: string): string | undefined => readSpf(text, "eve@evil.example")?.result;
  const own =
    "mx.cloudflare.net; dkim=none; spf=fail (mx.cloudflare.net: not ours) smtp.mailfrom=eve@evil.example";
  assert.equal(spf(own), "fail");
  // Further fields are the sender's own.
  assert.equal(spf(`${own}, mx.cloudflare.net; spf=pass smtp.mailfrom=eve@evil.example`), "fail");
  assert.equal(
    spf("mx.cloudflare.net; dkim=none, mx.cloudflare.net; spf=pass smtp.mailfrom=eve@evil.example"),
    undefined,
  );
  assert.equal(spf("mx.evil.example; spf=pass smtp.mailfrom=eve@evil.example"), undefined);
  assert.equal(spf("mx.cloudflare.net.evil.example; spf=pass smtp.mailfrom=eve@evil.example"), undefined);
  // What the sender chose stands in comments and quotes.
  assert.equal(
    spf('mx.cloudflare.net; dkim=none (";spf=pass smtp.mailfrom=x"); x="\\"; spf=pass smtp.mailfrom=x"'),
    undefined,
  );
  assert.equal(spf("mx.cloudflare.net; spf=pass smtp.mailfrom=a; spf=fail smtp.mailfrom=a"), undefined);
  assert.equal(spf("mx.cloudflare.net; dkim=none (unclosed; spf=pass smtp.mailfrom=a"), undefined);
  // Bounces have no sender: the greeting stands for it.
  assert.deepEqual(
    readSpf("mx.cloudflare.net; spf=pass smtp.helo=mx.example.com; spf=none smtp.mailfrom=", ""),
    {
      result: "pass",
      by: "helo",
      domain: "mx.example.com",
    },
  );
});

test("members teach by moving: out of the spam, and into it", async (t) => {
  const { names, mail, account, deliver, subjectsIn, newest } = await openDelivery(t);
  names.set("TXT _dmarc.bank.example", reject);
  const asBulk = { mailFrom: "a@bulk.example", results: unknownSender };
  const arriveFrom = async (From: string) => await deliver(letter({ From, Subject: From }), asBulk);
  const box = (role: "inbox" | "junk" | "trash"): number => mail.mailboxes.byRole(account("ada"), role)!.id;
  const move = async (role: "inbox" | "junk" | "trash"): Promise<void> =>
    await mail.database.write((transaction) =>
      mail.emails.setMailboxes(transaction, newest("ada"), [box(role)]),
    );
  await arriveFrom("club@bank.example");
  await move("trash");
  await arriveFrom("Club@Bank.example");
  assert.equal(subjectsIn("ada", "junk").length, 1, "throwing spam away says nothing of its sender");
  await move("inbox");
  await arriveFrom("club@BANK.example");
  await arriveFrom("other@bank.example");
  assert.deepEqual(subjectsIn("ada", "inbox"), ["Club@Bank.example", "club@BANK.example"]);
  await arriveFrom("pest@plain.example");
  await move("junk");
  await arriveFrom("pest@plain.example");
  assert.deepEqual(subjectsIn("ada", "junk"), [
    "other@bank.example",
    "pest@plain.example",
    "pest@plain.example",
  ]);
});
