/** What a mail program sees, over HTTP and the gate. The whole of RFC 8620 and 8621 is the suite's named in docs/mail.md. */
import assert from "node:assert/strict";
import { before as atFirst, test } from "node:test";
import { openMailHouse, type Program, using } from "./house.ts";

let house: Awaited<ReturnType<typeof openMailHouse>>;
let ada: Program;
let ben: Program;
atFirst(async (t) => {
  house = await openMailHouse(t as { after(work: () => unknown): void });
  ada = await house.program("ada");
  ben = await house.program("ben");
});

const boxes = async (who: Program): Promise<Record<string, string>> => {
  const { list } = await who.call("Mailbox/get", { ids: null });
  return Object.fromEntries(list.map(({ role, id }: { role: string; id: string }) => [role, id]));
};

/** Writes an email of a text, and gives its id. */
async function write(who: Program, subject: string, text: string, more: object = {}): Promise<string> {
  const { inbox = "" } = await boxes(who);
  const { created, notCreated } = await who.call("Email/set", {
    create: {
      one: {
        mailboxIds: { [inbox]: true },
        from: [{ name: "Jörg Ä", email: "joerg@example.org" }],
        subject,
        bodyValues: { b: { value: text } },
        textBody: [{ partId: "b" }],
        ...more,
      },
    },
  });
  assert.equal(notCreated, null, JSON.stringify(notCreated));
  return created.one.id;
}

test("the session tells the account and where to ask; nobody gets none, and another key's scope is refused", async () => {
  const session = JSON.parse((await ada.ask({ method: "GET", path: "/jmap/session" })).text);
  assert.deepEqual(Object.keys(session.capabilities), using);
  assert.equal(session.username, "ada@burrow.localhost");
  assert.match(session.apiUrl, /^https:\/\/mail\.burrow\.localhost\/jmap\/api$/);
  const anonymous = await house.client.request({ method: "GET", path: "/jmap/session" });
  assert.equal(anonymous.status, 401);
  assert.match(String(anonymous.headers["www-authenticate"]), /^Basic /);
  const files = await house.program("ada", ["files"]);
  assert.equal((await files.ask({ method: "GET", path: "/jmap/session" })).status, 403);
});

test("the program of a member who is suspended, locked or gone is turned away on the next request", async () => {
  const cleo = await house.members.createAccount({ name: "cleo", password: "violet anchor biscuit lamp" });
  const program = await house.program("cleo");
  assert.equal((await program.ask({ method: "GET", path: "/jmap/session" })).status, 200);
  const doors = [
    { method: "GET", path: "/jmap/session" },
    { method: "POST", path: "/jmap/api", body: { using, methodCalls: [] } },
    { method: "POST", path: `/jmap/upload/${program.accountId}`, body: Buffer.from("x") },
    { method: "GET", path: `/jmap/download/${program.accountId}/x/x` },
    { method: "GET", path: "/jmap/eventsource?types=*&closeafter=no&ping=0" },
  ];
  const turnedAway = async (standing: string): Promise<void> => {
    for (const door of doors) {
      const { status } = await program.ask(door);
      // So many wrong tries are slowed down.
      assert.ok(status === 401 || status === 429, `${standing}: ${door.path} ${status}`);
    }
  };
  await house.members.suspend(cleo.id);
  await turnedAway("suspended");
  await house.members.unsuspend(cleo.id);
  await house.members.lock(cleo.id);
  await turnedAway("locked");
  await house.members.deactivate(cleo.id);
  await turnedAway("deactivated");
});

test("what is no request is refused by HTTP, what is no method within the answer", async () => {
  const post = (body: unknown, type = "application/json") =>
    ada.ask({ method: "POST", path: "/jmap/api", body, headers: { "content-type": type } });
  for (const [body, status, kind] of [
    ["not json", 400, "notJSON"],
    [{ using }, 400, "notRequest"],
    [{ using: ["urn:example:none"], methodCalls: [] }, 400, "unknownCapability"],
    [{ using, methodCalls: Array.from({ length: 65 }, () => ["Core/echo", {}, "0"]) }, 400, "limit"],
  ] as const) {
    const answer = await post(body);
    assert.equal(answer.status, status, answer.text);
    assert.equal(JSON.parse(answer.text).type, `urn:ietf:params:jmap:error:${kind}`);
  }
  assert.equal((await post({ using, methodCalls: [] }, "text/plain")).status, 415);
  const { methodResponses } = await ada.send([
    ["Nothing/get", {}, "a"],
    ["Mailbox/get", { accountId: "u999" }, "b"],
    ["Mailbox/get", { accountId: ada.accountId, wrong: 1 }, "c"],
    ["Core/echo", { fine: true }, "d"],
  ]);
  assert.deepEqual(
    methodResponses.map(([name, args]: [string, { type?: string }]) => args.type ?? name),
    ["unknownMethod", "accountNotFound", "invalidArguments", "Core/echo"],
  );
});

test("an email is written, found by its words, read, marked and destroyed, and each step is told as a change", async () => {
  const before = (await ada.call("Email/get", { ids: [] })).state;
  const id = await write(ada, "Zürich tea", "Bergamot and a <b>scone</b>.\r\nFor two.");
  const { methodResponses } = await ada.send([
    ["Email/query", { accountId: ada.accountId, filter: { text: "zurich berga" } }, "q"],
    [
      "Email/get",
      {
        accountId: ada.accountId,
        "#ids": { resultOf: "q", name: "Email/query", path: "/ids" },
        properties: ["subject", "from", "preview", "bodyValues", "textBody", "header:Subject:asText"],
        fetchTextBodyValues: true,
      },
      "g",
    ],
    ["SearchSnippet/get", { accountId: ada.accountId, filter: { text: "scone" }, emailIds: [id] }, "s"],
  ]);
  const [email] = methodResponses[1][1].list;
  assert.equal(email.id, id);
  assert.deepEqual(email.from, [{ name: "Jörg Ä", email: "joerg@example.org" }]);
  assert.equal(email["header:Subject:asText"], "Zürich tea");
  assert.equal(email.bodyValues[email.textBody[0].partId].value, "Bergamot and a <b>scone</b>.\nFor two.\n");
  // What somebody wrote is text, and not markup of ours.
  assert.match(methodResponses[2][1].list[0].preview, /&#60;b&#62;<mark>scone<\/mark>&#60;/);

  await ada.call("Email/set", { update: { [id]: { "keywords/$flagged": true } } });
  assert.deepEqual((await ada.call("Email/query", { filter: { hasKeyword: "$flagged" } })).ids, [id]);
  const changes = await ada.call("Email/changes", { sinceState: before });
  assert.deepEqual([changes.created, changes.updated], [[id], []]);
  const wrong = await ada.call("Email/set", { update: { [id]: { subject: "another" } } });
  assert.equal(wrong.notUpdated[id].type, "invalidProperties");
  await ada.call("Email/set", { destroy: [id] });
  const gone = await ada.call("Email/changes", { sinceState: changes.newState });
  assert.deepEqual(gone.destroyed, [id]);
});

test("an answer that would be too long is refused, and what was changed beside it is told all the same", async () => {
  const { accountId } = ada;
  // Each has the one before it twice.
  const twice = Array.from({ length: 30 }, (_, index) => {
    const reference = { resultOf: `c${index}`, name: "Core/echo", path: "" };
    return ["Core/echo", { "#a": reference, "#b": reference }, `c${index + 1}`];
  });
  const { methodResponses } = await ada.send([
    ["Core/echo", { a: "x".repeat(100_000) }, "c0"],
    ...twice,
    ["Mailbox/set", { accountId, create: { tea: { name: "Tea" } } }, "set"],
    ["Mailbox/set", { accountId, destroy: ["m".repeat(256)] }, "long"],
  ]);
  assert.equal(methodResponses.length, 33);
  assert.deepEqual(
    new Set(
      methodResponses.slice(1, -2).map(([name, { type }]: [string, { type?: string }]) => type ?? name),
    ),
    new Set(["Core/echo", "requestTooLarge", "invalidResultReference"]),
  );
  assert.ok(JSON.stringify(methodResponses).length < 17_000_000);
  const [, made] = methodResponses.at(-2);
  assert.ok(made.created.tea.id);
  assert.equal(methodResponses.at(-1)[1].type, "invalidArguments");
  const id = await write(ada, "Sugar", "Two lumps.");
  const paths = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`keywords/k${n}`, true]));
  const patched = await ada.call("Email/set", { update: { [id]: paths } });
  assert.equal(patched.notUpdated[id].type, "invalidPatch");
  await ada.call("Email/set", { destroy: [id] });
  await ada.call("Mailbox/set", { destroy: [made.created.tea.id] });
});

test("nobody reads another's mail, blobs or mailboxes, whatever ids are known", async () => {
  const id = await write(ada, "private", "secret words");
  const { list } = await ada.call("Email/get", { ids: [id], properties: ["blobId", "threadId", "textBody"] });
  const [{ blobId, threadId, textBody }] = list;
  assert.deepEqual((await ben.call("Email/get", { ids: [id] })).notFound, [id]);
  assert.deepEqual((await ben.call("Thread/get", { ids: [threadId] })).notFound, [threadId]);
  assert.deepEqual((await ben.call("Email/query", { filter: { text: "secret" } })).ids, []);
  for (const blob of [blobId, textBody[0].blobId]) {
    const path = (account: string) => `/jmap/download/${account}/${blob}/mail.eml?type=message/rfc822`;
    assert.equal((await ada.ask({ method: "GET", path: path(ada.accountId) })).status, 200);
    assert.equal((await ben.ask({ method: "GET", path: path(ben.accountId) })).status, 404);
    assert.equal((await ben.ask({ method: "GET", path: path(ada.accountId) })).status, 404);
    const { inbox = "" } = await boxes(ben);
    const imported = await ben.call("Email/import", {
      emails: { one: { blobId: blob, mailboxIds: { [inbox]: true } } },
    });
    assert.equal(imported.notCreated.one.type, "invalidProperties");
  }
  const [box = ""] = Object.values(await boxes(ada));
  assert.equal((await ben.call("Mailbox/set", { destroy: [box] })).notDestroyed[box].type, "notFound");
});

test("a download is an attachment that can run nothing, whatever it is said to be", async () => {
  const { text } = await ada.ask({
    method: "POST",
    path: `/jmap/upload/${ada.accountId}`,
    body: Buffer.from("<script>alert(1)</script>"),
    headers: { "content-type": "text/html" },
  });
  const { blobId, size } = JSON.parse(text);
  assert.equal(size, 25);
  const answer = await ada.ask({
    method: "GET",
    path: `/jmap/download/${ada.accountId}/${blobId}/${encodeURIComponent("ä\r\nx: y.html")}?type=text/html`,
  });
  assert.equal(answer.headers["content-type"], "text/html");
  assert.match(String(answer.headers["content-disposition"]), /^attachment; filename\*=UTF-8''%C3%A4/);
  assert.match(String(answer.headers["content-security-policy"]), /^sandbox/);
  assert.equal(answer.headers["x"], undefined);
});

test("a mailbox keeps its name apart from its brothers, and no circle comes of moving", async () => {
  const { created } = await ada.call("Mailbox/set", {
    create: { inner: { name: "Inner", parentId: "#outer" }, outer: { name: "Outer" } },
  });
  const { inner, outer } = created;
  const refused = await ada.call("Mailbox/set", {
    create: { twin: { name: "Outer" } },
    update: { [outer.id]: { parentId: inner.id } },
    destroy: [outer.id],
  });
  assert.equal(refused.notCreated.twin.type, "alreadyExists");
  assert.equal(refused.notUpdated[outer.id].type, "invalidProperties");
  assert.equal(refused.notDestroyed[outer.id].type, "mailboxHasChild");
  const { inbox = "" } = await boxes(ada);
  assert.equal((await ada.call("Mailbox/set", { destroy: [inbox] })).notDestroyed[inbox].type, "forbidden");
});

test("members write as themselves only, in the header as in the envelope", async () => {
  const [{ id: identityId }] = (await ada.call("Identity/get", { ids: null })).list;
  const own = [{ name: null, email: "ada@burrow.localhost" }];
  const to = [{ name: null, email: "someone@example.org" }];
  const forged = await write(ada, "forged", "x", { to });
  const mine = await write(ada, "mine", "x", { from: own, to });
  const envelope = {
    mailFrom: { email: "ben@burrow.localhost" },
    rcptTo: [{ email: "someone@example.org" }],
  };
  const { notCreated, created } = await ada.call("EmailSubmission/set", {
    create: {
      header: { identityId, emailId: forged },
      envelope: { identityId, emailId: mine, envelope },
      nobody: { identityId, emailId: mine, envelope: { ...envelope, mailFrom: own[0], rcptTo: [] } },
      ...Object.fromEntries(
        ["ada+x>\r\nRCPT TO:<ben", "ada+x BODY=8BITMIME", "ada+<x", 'ada+"x'].map((local, at) => [
          `broken${at}`,
          {
            identityId,
            emailId: mine,
            envelope: { ...envelope, mailFrom: { email: `${local}@burrow.localhost` } },
          },
        ]),
      ),
      good: { identityId, emailId: mine },
    },
  });
  const odd = await ada.call("Identity/set", {
    create: { i: { email: 'ada+x">\r\nDATA@burrow.localhost' } },
  });
  const asOdd = { identityId: odd.created.i.id, emailId: mine };
  const refused = await ada.call("EmailSubmission/set", { create: { asOdd } });
  assert.equal(refused.notCreated.asOdd.type, "forbiddenMailFrom");
  for (const at of [0, 1, 2, 3]) assert.equal(notCreated[`broken${at}`].type, "forbiddenMailFrom");
  assert.deepEqual(
    ["header", "envelope", "nobody"].map((name) => notCreated[name].type),
    ["forbiddenFrom", "forbiddenMailFrom", "noRecipients"],
  );
  const { list } = await ada.call("EmailSubmission/get", { ids: [created.good.id] });
  assert.deepEqual(list[0].envelope.rcptTo[0].email, "someone@example.org");
  const stolen = await ada.call("Identity/set", { create: { b: { email: "ben@burrow.localhost" } } });
  assert.equal(stolen.notCreated.b.type, "forbiddenFrom");
});

test("a header that a client gives makes one field, and no second line", async () => {
  const { inbox = "" } = await boxes(ada);
  const { notCreated } = await ada.call("Email/set", {
    create: {
      raw: { mailboxIds: { [inbox]: true }, "header:X-A": "a\r\nBcc: victim@example.org" },
      twice: { mailboxIds: { [inbox]: true }, subject: "a", "header:Subject": "b" },
      content: { mailboxIds: { [inbox]: true }, "header:Content-Type": "text/html" },
    },
  });
  assert.deepEqual(
    ["raw", "twice", "content"].map((name) => notCreated[name].type),
    ["invalidProperties", "invalidProperties", "invalidProperties"],
  );
});

test("names and groups of addresses come back as they were written", async () => {
  const groups = [
    { name: 'Küche, "oben"', addresses: [{ name: "Jörg; Ä", email: "joerg@example.org" }] },
    { name: null, addresses: [{ name: null, email: "ben@example.org" }] },
  ];
  const id = await write(ada, "groups", "x", { "header:To:asGroupedAddresses": groups });
  const { list } = await ada.call("Email/get", { ids: [id], properties: ["header:To:asGroupedAddresses"] });
  assert.deepEqual(list[0]["header:To:asGroupedAddresses"], groups);
});

test("several recipients stand in one field, and each of them is written to", async () => {
  const to = [
    { name: "Zoë, of the lake", email: "zoe@example.org" },
    { name: null, email: "ben@example.org" },
    { name: 'Carl "C" \\ D', email: "carl@example.org" },
  ];
  const id = await write(ada, "several", "x", { to });
  const { list } = await ada.call("Email/get", { ids: [id], properties: ["to", "headers"] });
  const fields = list[0].headers.filter(({ name }: { name: string }) => name === "To");
  assert.equal(fields.length, 1);
  assert.deepEqual(list[0].to, to);
});

test("an event stream tells of what changes, and ends with the member's right to follow", async () => {
  const dora = await house.members.createAccount({ name: "dora", password: "violet anchor biscuit lamp" });
  const program = await house.program("dora");
  await program.call("Mailbox/get", { ids: null });
  const ended = program.ask({ method: "GET", path: "/jmap/eventsource?types=Email&closeafter=no&ping=0" });
  const path = "/jmap/eventsource?types=Mailbox&closeafter=state&ping=0";
  let isTold = false;
  const waiting = program.ask({ method: "GET", path }).finally(() => (isTold = true));
  // What changes before the stream is open is none of its: something changes until it tells.
  for (let count = 0; !isTold; count += 1)
    await program.call("Mailbox/set", { create: { a: { name: `Told ${count}` } } });
  assert.match((await waiting).text, /event: state\ndata: .*"changed":\{"u\d+":\{"Mailbox":"\d+"\}\}/);
  await house.members.suspend(dora.id);
  await ended;
});

test("a push subscription is made for an https URL and with keys that are some", async () => {
  const create = (more: object) => ({ deviceClientId: "phone", url: "https://push.example.org/x", ...more });
  const keys = { p256dh: "AAAA", auth: "AAAA" };
  const answer = await ada.send([
    [
      "PushSubscription/set",
      { create: { a: create({}), b: create({ keys }), c: create({ url: "http://push.example.org/x" }) } },
      "0",
    ],
  ]);
  const [, { created, notCreated }] = answer.methodResponses[0];
  assert.deepEqual(Object.keys(created), ["a"]);
  assert.deepEqual([notCreated.b.properties, notCreated.c.properties], [["keys"], ["url"]]);
  const got = await ada.send([["PushSubscription/get", { ids: [created.a.id] }, "0"]]);
  assert.equal(got.methodResponses[0][1].list[0].verificationCode, null);
});
