/** What no program should send: every method, its arguments spoiled one at a time. Never a fault, and nothing of the inside. */
import assert from "node:assert/strict";
import { before as atFirst, test } from "node:test";
import { anyBodies, anyParameters, mutationsOf } from "../../../conformance/hostile-input.ts";
import { openMailHouse, type Program, using } from "./house.ts";

const log: string[] = [];
let house: Awaited<ReturnType<typeof openMailHouse>>;
let ada: Program;
atFirst(async (t) => {
  house = await openMailHouse(t as { after(work: () => unknown): void }, {
    write: (line) => void log.push(line),
  });
  ada = await house.program("ada");
});

const faults = new Set<string>();
const json = { "content-type": "application/json" };
const complaints = (): string[] => log.filter((line) => line.includes('"level":"error"'));

/** Methods with arguments that they take. */
function plausible(mailbox: string, email: string, blobId: string): Readonly<Record<string, object>> {
  const ids = { ids: [email], properties: ["id"] };
  const changes = { sinceState: "0", maxChanges: 5 };
  const query = {
    filter: { operator: "AND", conditions: [{ text: "tea", inMailbox: mailbox }, { header: ["X", "y"] }] },
    sort: [{ property: "receivedAt", isAscending: false }],
    position: 0,
    anchor: email,
    limit: 5,
    calculateTotal: true,
    collapseThreads: true,
  };
  const letter = {
    mailboxIds: { [mailbox]: true },
    keywords: { $seen: true },
    from: [{ name: "A", email: "ada@burrow.localhost" }],
    to: [{ name: null, email: "jo@example.org" }],
    subject: "Tea",
    sentAt: "2026-11-30T08:00:00Z",
    "header:X-A:asText": "b",
    bodyStructure: {
      type: "multipart/mixed",
      subParts: [
        { partId: "1", type: "text/plain" },
        { blobId, type: "a/b", name: "c", cid: "d" },
      ],
    },
    bodyValues: { 1: { value: "Hello.", isTruncated: false } },
  };
  const address = { email: "jo@example.org", parameters: { NOTIFY: "NEVER" } };
  const set = (create: object, update: object) => ({
    ifInState: null,
    create: { a: create },
    update: { x: update },
    destroy: ["y"],
  });
  return {
    "Core/echo": { a: [1] },
    "Blob/copy": { fromAccountId: "u1", blobIds: [blobId] },
    "PushSubscription/get": { ids: ["p1"], properties: ["id"] },
    "PushSubscription/set": set(
      {
        deviceClientId: "d",
        url: "https://push.invalid/x",
        keys: { p256dh: "x", auth: "y" },
        types: ["Email"],
      },
      { verificationCode: "x" },
    ),
    "Mailbox/get": ids,
    "Mailbox/changes": changes,
    "Mailbox/query": {
      ...query,
      filter: { name: "x", hasAnyRole: true },
      sortAsTree: true,
      filterAsTree: true,
    },
    "Mailbox/queryChanges": { sinceQueryState: "0", filter: { name: "x" }, upToId: mailbox },
    "Mailbox/set": set({ name: "n", parentId: mailbox, sortOrder: 1, isSubscribed: true }, { name: "m" }),
    "Thread/get": ids,
    "Thread/changes": changes,
    "Email/get": {
      ids: [email],
      properties: ["header:X-A:asDate:all", "bodyValues", "preview"],
      bodyProperties: ["partId", "header:A"],
      fetchAllBodyValues: true,
      maxBodyValueBytes: 3,
    },
    "Email/changes": changes,
    "Email/query": query,
    "Email/queryChanges": { ...query, anchor: undefined, sinceQueryState: "0", maxChanges: 5, upToId: email },
    "Email/set": set(letter, { "keywords/$flagged": true, [`mailboxIds/${mailbox}`]: null }),
    "Email/copy": { fromAccountId: "u2", create: { a: { id: email, mailboxIds: { [mailbox]: true } } } },
    "Email/import": {
      emails: {
        a: { blobId, mailboxIds: { [mailbox]: true }, keywords: {}, receivedAt: "2026-11-30T08:00:00Z" },
      },
    },
    "Email/parse": { blobIds: [blobId], properties: ["subject"], bodyProperties: ["partId"] },
    "SearchSnippet/get": { filter: { text: "tea" }, emailIds: [email] },
    "Identity/get": ids,
    "Identity/changes": changes,
    "Identity/set": set(
      {
        name: "n",
        email: "ada@burrow.localhost",
        replyTo: [{ name: "x", email: "y@z" }],
        textSignature: "s",
      },
      { name: "m" },
    ),
    "EmailSubmission/get": ids,
    "EmailSubmission/changes": changes,
    "EmailSubmission/query": { ...query, filter: { emailIds: [email], undoStatus: "pending" } },
    "EmailSubmission/queryChanges": { sinceQueryState: "0" },
    "EmailSubmission/set": {
      ...set(
        { identityId: "i1", emailId: email, envelope: { mailFrom: address, rcptTo: [address] } },
        { undoStatus: "canceled" },
      ),
      onSuccessUpdateEmail: { "#a": { "keywords/$draft": null } },
      onSuccessDestroyEmail: ["#a"],
    },
    "VacationResponse/get": { ids: ["singleton"] },
    "VacationResponse/set": {
      update: {
        singleton: { isEnabled: true, fromDate: "2026-11-30T08:00:00Z", subject: "s", textBody: "t" },
      },
    },
  };
}

async function look(body: string, what: string): Promise<void> {
  const { status, text } = await ada.ask({ method: "POST", path: "/jmap/api", headers: json, body });
  assert.ok(status < 500, `${what}: ${status}`);
  // What is wrong within stands in the log, once.
  for (const line of complaints()) faults.add(`${what}: ${line.slice(0, 1000)}`);
  log.length = 0;
  assert.doesNotMatch(text, /\.ts:|node_modules|SQLITE/, `${what}: ${text.slice(0, 500)}`);
}

test("no method fails, whatever its arguments are", async () => {
  const { list } = await ada.call("Mailbox/get", { ids: null });
  const [{ id: mailbox }] = list;
  const body = Buffer.from("Subject: Tea\r\nFrom: ada@burrow.localhost\r\n\r\nHello.\r\n");
  const path = `/jmap/upload/${ada.accountId}`;
  const { blobId } = JSON.parse((await ada.ask({ method: "POST", path, body })).text);
  const imported = await ada.call("Email/import", {
    emails: { one: { blobId, mailboxIds: { [mailbox]: true } } },
  });
  for (const [method, args] of Object.entries(plausible(mailbox, imported.created.one.id, blobId))) {
    const all = { accountId: ada.accountId, ...args };
    // Several calls a request: what one of them does is nothing to the next.
    const calls = [JSON.stringify(all), ...mutationsOf(all)].map((text) => `["${method}",${text},"0"]`);
    for (let at = 0; at < calls.length; at += 50) {
      const some = calls.slice(at, at + 50);
      await look(`{"using":${JSON.stringify(using)},"methodCalls":[${some.join(",")}]}`, method);
    }
  }
  assert.deepEqual([...faults], []);
});

test("no body, reference, path or query makes it fail", async () => {
  for (const { body, headers = {} } of anyBodies) {
    const asked = { method: "POST", path: "/jmap/api", body, headers: { ...json, ...headers } };
    const { status } = await ada.ask(asked);
    assert.ok(status >= 400 && status < 500, `${String(body).slice(0, 100)}: ${status}`);
  }
  const deep = (depth: number): string =>
    `${'{"operator":"NOT","conditions":['.repeat(depth)}{"text":"x"}${"]}".repeat(depth)}`;
  const account = `"accountId":"${ada.accountId}"`;
  for (const calls of [
    `["Email/query",{${account},"filter":${deep(10_000)}},"0"]`,
    `["Email/query",{${account},"filter":{"operator":"OR","conditions":[${'{"text":"x"},'.repeat(20_000)}{"text":"y"}]}},"0"]`,
    `["Email/query",{${account},"filter":{"text":${JSON.stringify('"* OR NEAR( '.repeat(2_000))}}},"0"]`,
    // Each of these held up the whole server, for minutes.
    `["Email/query",{${account},"filter":{"text":"\\"${"a b ".repeat(500_000)}\\""}},"0"]`,
    `["Email/query",{${account},"filter":{"body":"${"a.".repeat(500_000)}"}},"0"]`,
    `["SearchSnippet/get",{${account},"filter":{"text":"${"a.".repeat(500_000)}"},"emailIds":["e1"]},"0"]`,
    `["Email/query",{${account},"filter":{"operator":"OR","conditions":[${'{"someInThreadHaveKeyword":"x"},'.repeat(400)}{"text":"y"}]}},"0"]`,
    `["Email/get",{${account},"ids":${JSON.stringify(Array.from({ length: 10_000 }, (_, at) => `e${at}`))}},"0"]`,
    `["Thread/get",{${account},"ids":${JSON.stringify(Array.from({ length: 10_000 }, (_, at) => `t${at}`))}},"0"]`,
    `["Email/set",{${account},"destroy":${JSON.stringify(Array.from({ length: 10_000 }, (_, at) => `e${at}`))}},"0"]`,
    `["PushSubscription/set",{"destroy":${JSON.stringify(Array.from({ length: 10_000 }, (_, at) => `p${at}`))}},"0"]`,
    `["Email/query",{${account},"sort":[${'{"property":"size"},'.repeat(5_000)}{"property":"size"}]},"0"]`,
    `["Core/echo",{"a":1},"0"],["Core/echo",{"#a":{"resultOf":"0","name":"Core/echo","path":"/a/*/__proto__"}},"1"]`,
    `["Core/echo",{"a":1},"0"],["Core/echo",{"#a":{"resultOf":"0","name":"Core/echo","path":"${"/*".repeat(5_000)}"}},"1"]`,
    `["constructor",{},"0"],["__proto__",{},"1"],["",{},"2"]`,
  ])
    await look(`{"using":${JSON.stringify(using)},"methodCalls":[${calls}]}`, calls.slice(0, 100));
  for (const value of anyParameters)
    for (const path of [
      `/jmap/download/${value}/x/y`,
      `/jmap/download/${ada.accountId}/${value}/${value}?type=${value}`,
      `/jmap/eventsource?types=${value}&closeafter=${value}&ping=${value}&x=${value}`,
      `/jmap/${value}`,
    ].filter((one) => !one.startsWith("/jmap/eventsource"))) {
      const { status } = await ada.ask({ method: "GET", path });
      assert.ok(status < 500, `${path.slice(0, 100)}: ${status}`);
    }
  assert.deepEqual([...complaints(), ...faults], []);
});
