/** A member's program through the real Worker: an answer goes out by the relay, in the thread of what it answers, and lies in Sent. */
import assert from "node:assert/strict";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";

import { startEdge } from "../../origin/cli/dev/edge-process.ts";
import { createProgram } from "../apps/mail/jmap/house.ts";
import { startRelaySink } from "../apps/mail/sending/relay-sink.ts";
import { openSendingHouse } from "../apps/mail/sending/sending-house.ts";
import { projectRoot } from "../support/run-burrow.ts";
import type { Answer, SignedClient } from "../support/signed-client.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const arrived = [
  "Message-ID: <question@example.org>",
  "From: Jo <jo@example.org>",
  "To: ada@burrow.localhost",
  "Subject: =?utf-8?q?Caf=C3=A9=3F?=",
  "",
  "At four?",
  "",
].join("\r\n");

/** A client of the edge, which knows nothing of keys. Node does not resolve `*.localhost`. */
function clientOf(edgeUrl: string): Pick<SignedClient, "request" | "close"> {
  const { port } = new URL(edgeUrl);
  return {
    async request({ method, path, body, headers }) {
      const asked = request({
        host: "127.0.0.1",
        port,
        method,
        path,
        headers: {
          host: `mail.burrow.localhost:${port}`,
          ...(body !== undefined && typeof body !== "string" && { "content-type": "application/json" }),
          ...headers,
        },
      });
      asked.end(typeof body === "string" ? body : body === undefined ? undefined : JSON.stringify(body));
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        asked.once("response", resolve).once("error", reject);
      });
      return {
        status: answer.statusCode ?? 0,
        headers: answer.headers,
        text: await text(answer),
      } as Answer;
    },
    close: () => undefined,
  };
}

test("an answer goes out once, as the member and as nobody else", async (t) => {
  const sink = await startRelaySink(t);
  const house = await openSendingHouse(t, { sink });
  const { url, edgeKey, hosts } = house.facts;
  const edge = await startEdge({
    root: projectRoot,
    origin: new URL(url).host,
    edgeKey,
    hosts,
    port: 0,
    persistDir: join(temporaryFolder(t), "edge"),
  });
  t.after(() => edge.stop());
  const client = clientOf(edge.url);
  assert.equal((await client.request({ method: "POST", path: "/jmap/api", body: {} })).status, 401);

  const { id: memberId } = house.members.find("ada")!;
  const { secret } = await house.members.keys.create(
    { via: "device" },
    { memberId, kind: "app-password", name: "phone", scopes: ["mail"] },
  );
  const ada = createProgram(client, { name: "ada", secret, accountId: `u${memberId}` });
  const { list: boxes } = await ada.call("Mailbox/get", { ids: null });
  const box = (role: string): string => boxes.find((one: { role: string }) => one.role === role).id;
  const uploaded = await ada.ask({
    method: "POST",
    path: `/jmap/upload/${ada.accountId}`,
    body: arrived,
    headers: { "content-type": "message/rfc822" },
  });
  const { blobId } = JSON.parse(uploaded.text);
  const imported = await ada.call("Email/import", {
    emails: { one: { blobId, mailboxIds: { [box("inbox")]: true } } },
  });
  const { threadId } = imported.created.one;

  const { list: identities } = await ada.call("Identity/get", { ids: null });
  const answerAs = async (from: string) => {
    const { methodResponses } = await ada.send([
      [
        "Email/set",
        {
          accountId: ada.accountId,
          create: {
            reply: {
              mailboxIds: { [box("drafts")]: true },
              keywords: { $draft: true },
              from: [{ email: from }],
              to: [{ name: "Jo", email: "jo@example.org" }],
              subject: "Re: Café?",
              inReplyTo: ["question@example.org"],
              references: ["question@example.org"],
              bodyValues: { b: { value: "Five — see you.\n" } },
              textBody: [{ partId: "b" }],
            },
          },
        },
        "0",
      ],
      [
        "EmailSubmission/set",
        {
          accountId: ada.accountId,
          create: { one: { identityId: identities[0].id, emailId: "#reply" } },
          onSuccessUpdateEmail: {
            "#one": { [`mailboxIds/${box("drafts")}`]: null, [`mailboxIds/${box("sent")}`]: true },
          },
        },
        "1",
      ],
    ]);
    return methodResponses[1][1];
  };
  assert.equal((await answerAs("ben@burrow.localhost")).notCreated.one.type, "forbiddenFrom");
  assert.ok((await answerAs("ada@burrow.localhost")).created.one.id);
  await sink.arrived(1);
  assert.equal(sink.messages.length, 1);
  const [{ from, to, raw } = { from: "", to: [], raw: Buffer.alloc(0) }] = sink.messages;
  assert.deepEqual([from, to], ["ada@burrow.localhost", ["jo@example.org"]]);
  assert.match(raw.toString(), /^In-Reply-To: <question@example\.org>\r$/m);
  const { ids } = await ada.call("Email/query", { filter: { inMailbox: box("sent") } });
  const { list } = await ada.call("Email/get", { ids, properties: ["threadId", "blobId"] });
  assert.deepEqual(
    list.map((email: { threadId: string }) => email.threadId),
    [threadId],
  );
  const kept = await ada.ask({ method: "GET", path: `/jmap/download/${ada.accountId}/${list[0].blobId}/x` });
  assert.equal(raw.toString(), kept.text);
});
