/**
 * A letter and its answer, the whole way: Email Routing's end of the real Worker, R2, the origin, a mail program of
 * others and the webmail in Chromium, the owner's relay in TLS, and Sent.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import JamClient from "jmap-jam";
import { Agent, fetch as fetchBy } from "undici";

import { startEdge } from "../../origin/cli/dev/edge-process.ts";
import { makeDataFolder } from "../../origin/config/data-folder.ts";
import { gateVariables } from "../../origin/config/gate-variables.ts";
import { readConfig } from "../../origin/config/read-config.ts";
import { writeSecret } from "../../origin/config/secrets.ts";
import { createKdf } from "../../origin/members/kdf.ts";
import { account, startRelaySink } from "../apps/mail/sending/relay-sink.ts";
import { makeCertificate } from "../host/outbound/certificate.ts";
import { ownerPassword } from "../members/open-members.ts";
import { chromiumPath, launchChromium } from "../support/chromium.ts";
import { freePort } from "../support/origin-process.ts";
import { projectRoot } from "../support/run-burrow.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestOrigin } from "../support/test-origin.ts";

const relay = { host: "relay.example.org", address: "203.0.113.25", port: 465 };
const bucketKey = { accessKeyId: "burrow-test", secretAccessKey: randomBytes(20).toString("hex") };
const letter = Buffer.from(
  [
    "Message-ID: <question@example.org>",
    "From: =?utf-8?q?J=C3=B8rn?= <joern@example.org>",
    "To: ada@burrow.localhost",
    "Subject: =?utf-8?q?Caf=C3=A9=3F?=",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
    "",
    "Um fünf?",
    "",
  ].join("\r\n"),
);

/** A server with all that mail needs, of which the outside is the test's. */
async function openServer(t: TestContext) {
  const folder = temporaryFolder(t);
  const dataDir = join(folder, "data");
  const port = await freePort();
  const edgeUrl = `http://127.0.0.1:${port}`;
  const certificate = makeCertificate(relay.host);
  const sink = await startRelaySink(t, { secure: true, ...certificate });
  makeDataFolder(dataDir);
  writeSecret(dataDir, "mail-relay-password", account.password);
  const originPort = await freePort();
  const server = await startTestOrigin({
    dataDir,
    port: originPort,
    publicUrl: edgeUrl,
    kdf: createKdf({ memory: 8, passes: 1 }),
    mailBucketSecret: bucketKey.secretAccessKey,
    settings: `[mail]
bucket_url = "${edgeUrl}/cdn-cgi/local/r2/s3/door"
bucket_key_id = "${bucketKey.accessKeyId}"
relay_host = "${relay.host}"
relay_port = ${relay.port}
relay_user = "${account.user}"
`,
    outside: {
      lookup: () => Promise.resolve([{ address: relay.address, family: 4 }]),
      seam: {
        standIns: new Map([[`${relay.address}:${relay.port}`, sink.port]]),
        authority: certificate.cert,
      },
    },
  });
  t.after(() => server.close());
  const { origin, facts } = server;
  const edge = await startEdge({
    root: projectRoot,
    origin: `127.0.0.1:${originPort}`,
    edgeKey: facts.edgeKey,
    hosts: facts.hosts,
    port,
    persistDir: join(folder, "edge"),
    mailS3: { bucket: "door", ...bucketKey },
    vars: gateVariables(readConfig({ dataDir, environment: {} })),
  });
  t.after(() => edge.stop());
  return { members: origin.members, sink, edgeUrl, mailUrl: `http://mail.burrow.localhost:${port}` };
}

/** A mail program that knows nothing of us; Node alone does not find `*.localhost`. */
function openJam(t: TestContext, mailUrl: string, bearerToken: string): JamClient {
  const dispatcher = new Agent({
    connect: {
      lookup: (_host, { all }, done) =>
        all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4),
    },
  });
  const usual = globalThis.fetch;
  globalThis.fetch = ((url: string | URL, init: object) =>
    fetchBy(url, { ...init, dispatcher })) as unknown as typeof fetch;
  t.after(async () => {
    globalThis.fetch = usual;
    await dispatcher.close();
  });
  return new JamClient({ bearerToken, sessionUrl: `${mailUrl}/.well-known/jmap` });
}

test(
  "a letter comes in, is read by a mail program, answered in the webmail, and the answer lies with the relay as it lies in Sent",
  chromiumPath === undefined ? { skip: "skipped: no Chromium" } : {},
  async (t) => {
    const { members, sink, edgeUrl, mailUrl } = await openServer(t);
    const { id: memberId } = await members.createOwner({ name: "ada", password: ownerPassword });
    const key = await members.keys.create(
      { via: "device" },
      { memberId, kind: "api-key", name: "", scopes: ["mail"], expiresInMs: 600_000 },
    );
    const envelope = new URLSearchParams({ from: "joern@example.org", to: "ada@burrow.localhost" });
    const taken = await fetch(`${edgeUrl}/cdn-cgi/local/email?${envelope}`, { method: "POST", body: letter });
    assert.equal(taken.status, 200);

    const jam = openJam(t, mailUrl, key.secret);
    const accountId = await jam.getPrimaryAccount();
    const idsIn = async (role: "inbox" | "sent"): Promise<string[]> => {
      const [{ ids: boxes }] = await jam.api.Mailbox.query({ accountId, filter: { role } });
      const [{ ids }] = await jam.api.Email.query({ accountId, filter: { inMailbox: boxes[0]! } });
      return ids;
    };
    let arrived: string[] = [];
    while (arrived.length === 0) {
      arrived = await idsIn("inbox");
      await pause(25);
    }
    const read = async (id: string) => {
      const [{ list }] = await jam.api.Email.get({
        accountId,
        ids: [id],
        properties: ["blobId", "subject", "from", "threadId", "inReplyTo"],
      });
      const email = list[0]!;
      const blob = { accountId, blobId: email.blobId, mimeType: "message/rfc822", fileName: "letter.eml" };
      return { ...email, raw: Buffer.from(await (await jam.downloadBlob(blob)).arrayBuffer()) };
    };
    const question = await read(arrived[0]!);
    assert.deepEqual(question.raw, letter);
    assert.equal(question.subject, "Café?");
    assert.deepEqual(question.from, [{ name: "Jørn", email: "joern@example.org" }]);

    const browser = await launchChromium();
    t.after(() => browser.close());
    const page = await browser.newPage();
    await page.goto(mailUrl);
    await page.getByLabel("Name").fill("ada");
    await page.getByLabel("Password", { exact: true }).fill(ownerPassword);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.locator("#rows").getByText("Café?").click();
    await page.getByText("Um fünf?").last().waitFor();
    await page.keyboard.press("r");
    const text = page.getByLabel("Message", { exact: true });
    await text.press("Control+Home");
    await page.keyboard.type("Gern — bis dann!");
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await page.getByText("Sent to").waitFor();
    assert.equal(sink.messages.length, 0, "it can be taken back for some seconds");

    await sink.arrived(1);
    const [sunk] = sink.messages;
    assert.deepEqual([sunk?.from, sunk?.to], ["ada@burrow.localhost", ["joern@example.org"]]);
    const sent = await read((await idsIn("sent"))[0]!);
    assert.deepEqual(sunk?.raw, sent.raw);
    assert.deepEqual(sent.inReplyTo, ["question@example.org"]);
    assert.equal(sent.threadId, question.threadId);
    assert.equal(sink.messages.length, 1);
  },
);
