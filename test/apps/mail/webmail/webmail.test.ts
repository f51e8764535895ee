/** The webmail without a browser: whose mail is whose, what forms may do, and what becomes of nonsense. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { fileMessage, fileMessages, htmlMessage, plainMessage } from "./file-message.ts";
import { boxOf, openWebmailHouse } from "./webmail-house.ts";

const house = await openWebmailHouse({ after });
const [ada, ben] = [await house.visitor("ada"), await house.visitor("ben")];
const adas = await house.program("ada");

const placesOf = async (email: string): Promise<string[]> => {
  const { list } = await adas.call("Email/get", { ids: [email], properties: ["mailboxIds"] });
  return Object.keys(list[0]?.mailboxIds ?? {});
};
const undoOf = (location: string): string => /act=(\d+)/.exec(location)?.[1] ?? "";

test("who is not signed in is led to the sign-in host, and no key opens a page", async () => {
  const { client } = house;
  const navigation = { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
  const led = await client.request({ method: "GET", path: "/thread/t1?from=/", headers: navigation });
  assert.equal(led.status, 303);
  const target = new URL(String(led.headers["location"]));
  assert.deepEqual(
    [target.host, target.searchParams.get("next")],
    ["id.burrow.localhost", "/thread/t1?from=/"],
  );
  for (const path of ["/", "/email/e1/frame", "/email/e1/part/1"]) {
    assert.equal((await client.request({ method: "GET", path })).status, 401);
    assert.equal((await adas.ask({ method: "GET", path, headers: navigation })).status, 401);
  }
});

test("a cookie opens JMAP to pages of the mail host, and to no other's", async () => {
  const ask = (headers: Record<string, string>) =>
    house.client.request({
      method: "GET",
      path: "/jmap/session",
      headers: { cookie: ada.cookie, ...headers },
    });
  assert.equal((await ask({ "sec-fetch-site": "same-origin" })).status, 200);
  for (const site of ["same-site", "cross-site"])
    assert.equal((await ask({ "sec-fetch-site": site })).status, 403);
  const post = await house.client.request({
    method: "POST",
    path: "/jmap/api",
    body: { using: [], methodCalls: [] },
    headers: { cookie: ada.cookie, origin: "https://notes.burrow.localhost", "sec-fetch-site": "same-site" },
  });
  assert.equal(post.status, 401);
});

test("no form of another site does anything", async () => {
  const { thread, email } = await fileMessage(adas, plainMessage({ subject: "Stays" }));
  const inbox = await boxOf(adas, "inbox");
  const before = adas.call("EmailSubmission/get");
  for (const headers of [
    { origin: "https://evil.example", "sec-fetch-site": "cross-site" },
    { origin: "https://notes.burrow.localhost", "sec-fetch-site": "same-site" },
    { origin: "null" },
  ]) {
    for (const [path, fields] of [
      ["/act", { act: "trash", thread, in: inbox }],
      ["/destroy", { email }],
      ["/empty", { in: inbox }],
      ["/undo", { act: "1" }],
      ["/folders", { act: "make", name: "x" }],
      ["/compose/send", { act: "send", to: "x@example.org" }],
      ["/compose/draft", { to: "x@example.org" }],
      ["/unsend", { submission: "s1" }],
      ["/settings/identity", { identity: "i1", name: "x" }],
      ["/settings/vacation", { enabled: "yes" }],
      ["/settings/zone", { zone: "UTC" }],
      ["/rules", { act: "save", "field-0": "from", "value-0": "x", trash: "yes" }],
    ] as const) {
      const { status } = await ada.post(path, fields, headers);
      assert.equal(status, 403, `${path} ${JSON.stringify(headers)}`);
    }
  }
  assert.deepEqual(await placesOf(email), [inbox]);
  assert.deepEqual((await adas.call("EmailSubmission/get")).list, (await before).list);
});

test("nobody reads, moves, answers or takes back what is another member's", async () => {
  const { thread, email } = await fileMessage(adas, htmlMessage("<p>Ada's alone</p>"));
  const inbox = await boxOf(adas, "inbox");
  for (const path of [
    `/thread/${thread}`,
    `/email/${email}/frame`,
    `/email/${email}/part/1`,
    `/email/${email}/original`,
    `/box/${inbox}`,
    `/compose?draft=${email}`,
    `/compose?reply=${email}`,
    `/compose?forward=${email}`,
    `/empty?in=${await boxOf(adas, "trash")}`,
  ]) {
    const { status, text } = await ben.get(path);
    assert.equal(status, 404, path);
    assert.doesNotMatch(text, /Ada's alone/);
  }
  const moved = await ada.post("/act", { act: "archive", thread, in: inbox, next: "/" });
  const archive = await boxOf(adas, "archive");
  for (const fields of [
    { act: "trash", thread },
    { act: "trash", email },
    { act: "move", email, to: inbox },
    { act: "unread", thread, in: archive },
  ]) {
    await ben.post("/act", fields);
  }
  await ben.post("/destroy", { email });
  assert.match((await ben.post("/undo", { act: undoOf(moved.location) })).location, /said=late/);
  const notice = await ben.get(`/?act=${undoOf(moved.location)}`);
  assert.doesNotMatch(notice.text, /archived/);
  // A blob of another's message is attached to nothing.
  const { list } = await adas.call("Email/get", { ids: [email], properties: ["blobId"] });
  const attachment = JSON.stringify({ blobId: list[0].blobId, name: "x", type: "message/rfc822", size: 1 });
  const stolen = await ben.post("/compose/send", { act: "save", attachment });
  assert.equal(stolen.status, 422);
  assert.deepEqual(await placesOf(email), [archive]);
});

test("every act on a conversation is done once and taken back whole", async () => {
  const first = await fileMessage(adas, plainMessage({ id: "one@x", subject: "Plan" }));
  const second = await fileMessage(adas, plainMessage({ inReplyTo: "one@x", subject: "Re: Plan" }), {
    keywords: ["$seen"],
  });
  const inbox = await boxOf(adas, "inbox");
  const read = async () =>
    (
      await adas.call("Email/get", {
        ids: [first.email, second.email],
        properties: ["mailboxIds", "keywords"],
      })
    ).list;
  const start = await read();
  for (const act of ["archive", "trash", "junk", "read", "unread", "flag"]) {
    const done = await ada.post("/act", { act, thread: first.thread, in: inbox, next: `/box/${inbox}` });
    assert.equal(done.status, 303, act);
    assert.notDeepEqual(await read(), start, act);
    assert.match((await ada.get(done.location)).text, /Undo/);
    const back = await ada.post("/undo", { act: undoOf(done.location), next: done.location });
    assert.match(back.location, /said=undone/);
    assert.deepEqual(await read(), start, act);
    assert.match((await ada.post("/undo", { act: undoOf(done.location) })).location, /said=late/);
  }
});

test("a conversation of more messages than one write takes is moved and taken back whole", async () => {
  const filed = await fileMessages(
    adas,
    Array.from({ length: 230 }, (_, index) => ({
      raw: plainMessage({ id: `${index}@long`, inReplyTo: "0@long", subject: "Long" }),
    })),
  );
  const [{ thread } = { thread: "" }] = filed;
  const inbox = await boxOf(adas, "inbox");
  const lying = async (mailbox: string): Promise<number> =>
    (await adas.call("Email/query", { filter: { inMailbox: mailbox, subject: "Long" } })).ids.length;
  const done = await ada.post("/act", { act: "archive", thread, in: inbox, next: "/" });
  assert.deepEqual([await lying(inbox), await lying(await boxOf(adas, "archive"))], [0, 230]);
  const page = (await ada.get(`/thread/${thread}`)).text;
  assert.equal(page.match(/<details class="message"/g)?.length, 25);
  const earlier = /href="(\/thread\/[^"]+before=[^"]+)"/.exec(page)?.[1]?.replaceAll("&amp;", "&") ?? "";
  assert.equal((await ada.get(earlier)).text.match(/<details class="message"/g)?.length, 25);
  await ada.post("/undo", { act: undoOf(done.location) });
  assert.deepEqual([await lying(inbox), await lying(await boxOf(adas, "archive"))], [230, 0]);
});

test("the trash is emptied after a question, and nothing else goes with it", async () => {
  const trash = await boxOf(adas, "trash");
  const gone = await fileMessage(adas, plainMessage({ subject: "Gone" }), { role: "trash" });
  const kept = await fileMessage(adas, plainMessage({ subject: "Kept" }));
  const inbox = await boxOf(adas, "inbox");
  assert.equal((await ada.post("/empty", { in: inbox })).status, 404);
  assert.match((await ada.get(`/empty?in=${trash}`)).text, /cannot be taken back/);
  const asked = await ada.post("/act", { act: "destroy", thread: gone.thread, in: trash, next: "/" });
  assert.match(asked.text, /Delete 1 conversation for good/);
  assert.match((await ada.post("/empty", { in: trash })).location, /said=emptied/);
  assert.deepEqual(await placesOf(gone.email), []);
  assert.deepEqual(await placesOf(kept.email), [inbox]);
});

test("what a search has found shows the words where they stand, and nothing of them is markup", async () => {
  const far = "Nothing of note. ".repeat(30);
  await fileMessage(
    adas,
    plainMessage({ subject: "<b>Wombats</b>", text: `${far}Then a wombat </mark><script>1</script> came.` }),
    { role: "archive" },
  );
  await fileMessage(adas, htmlMessage(`<p>${far}</p><p>The <i>wombat</i> &lt;img src=x&gt;</p>`, "News"));
  const { text } = await ada.get("/search?q=wombat+-body:kangaroo");
  const shown = (name: string): string[] =>
    [...text.matchAll(new RegExp(`<bdi class="${name}">(.*?)</bdi>`, "g"))].map(([, words = ""]) => words);
  assert.deepEqual(shown("subject").toSorted(), ["&#60;b&#62;<mark>Wombats</mark>&#60;/b&#62;", "News"]);
  const [plain = "", page = ""] = shown("preview").toSorted();
  assert.match(`${plain}${page}`, /Then a <mark>wombat<\/mark> &#60;\/mark&#62;&#60;script&#62;1/);
  assert.match(`${plain}${page}`, /The <mark>wombat<\/mark> &#60;img src=x&#62;/);
  assert.match(text, /class="place">Archive</);
  assert.doesNotMatch((await ada.get("/search?q=-wombat+news")).text, /<mark>wombat/i);
});

test("attachments and messages are downloads that can run nothing", async () => {
  const { email } = await fileMessage(
    adas,
    `From: ben@example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nx\n--b\nContent-Type: text/html; name="a\r\n b.html"\nContent-Disposition: attachment\n\n<script>alert(1)</script>\n--b--\n`,
  );
  for (const path of [`/email/${email}/part/2`, `/email/${email}/original`]) {
    const { status, headers } = await ada.get(path);
    assert.equal(status, 200);
    assert.match(String(headers["content-disposition"]), /^attachment; filename\*=UTF-8''/);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.match(String(headers["content-security-policy"]), /^sandbox; default-src 'none'/);
  }
  const frame = await ada.get(`/email/${email}/frame`);
  assert.match(
    String(frame.headers["content-security-policy"]),
    /^default-src 'none'; img-src data:; style-src 'unsafe-inline'; .*frame-ancestors 'self'; sandbox allow-popups/,
  );
  assert.doesNotMatch(frame.text, /alert/);
});

test("what was written stays when it cannot be sent, and what was sent says what became of it", async () => {
  const wrong = await ada.post("/compose/send", {
    act: "send",
    to: "carl@example.org, not an address",
    subject: "<b>Über & out",
    body: "</textarea><script>1</script>",
  });
  assert.equal(wrong.status, 422);
  assert.match(wrong.text, /“not an address” is no address/);
  assert.match(wrong.text, /value="&lt;b&gt;Über &amp; out"/);
  assert.match(wrong.text, /&lt;\/textarea&gt;&lt;script&gt;/);
  const draft = /name="draft" value="(e\d+)"/.exec(wrong.text)?.[1] ?? "";
  const sent = await ada.post("/compose/send", {
    act: "send",
    draft,
    to: "carl@example.org",
    subject: "Out",
    body: "x",
  });
  assert.match(sent.location, /act=\d+/);
  assert.deepEqual(await placesOf(draft), [], "the draft of before has gone");
  const list = (await ada.get(`/box/${await boxOf(adas, "sent")}`)).text;
  const thread = /\/thread\/(t\d+)/.exec(list)?.[1] ?? "";
  assert.match((await ada.get(`/thread/${thread}`)).text, /This goes out in a few seconds/);
  const { list: submissions } = await adas.call("EmailSubmission/get");
  const database = house.mailDatabase();
  database.exec(
    `UPDATE submissions SET send_at = 0; UPDATE recipients SET state = 'failed', reply = '550 5.1.1 <No> such user'`,
  );
  database.close();
  assert.ok(submissions.length > 0);
  const failed = (await ada.get(`/thread/${thread}`)).text;
  assert.match(failed, /Not delivered\.[\s\S]*550 5\.1\.1 &lt;No&gt; such user/);
  assert.match((await ada.get(`/box/${await boxOf(adas, "sent")}`)).text, /Not delivered/);
});

test("what is written is sent flowed, and read, gone on with and answered in whole paragraphs", async () => {
  const paragraph = "So many words that a line has no room for them. ".repeat(4).trim();
  const saved = await ada.post("/compose/send", {
    act: "save",
    to: "carl@example.org",
    subject: "Flowed",
    body: `${paragraph}\r\n> ${paragraph}\r\nFrom Ada`,
  });
  const draft = /draft=(e\d+)/.exec(saved.location)?.[1] ?? "";
  const raw = (await ada.get(`/email/${draft}/original`)).text;
  assert.equal(
    raw.match(/^content-type:.*$/gim)?.join(),
    "Content-Type: text/plain; charset=utf-8; format=flowed",
  );
  assert.ok(
    raw.split("\r\n").every((line) => line.length <= 78),
    raw,
  );
  const written = (await ada.get(`/compose?draft=${draft}`)).text;
  assert.ok(written.includes(`\n${paragraph}\n&gt; ${paragraph}\nFrom Ada</textarea>`), written);
  const answer = (await ada.get(`/compose?reply=${draft}`)).text;
  assert.ok(answer.includes(`&gt; ${paragraph}\n&gt;&gt; ${paragraph}\n&gt; From Ada</textarea>`), answer);
});

test("a form that comes twice sends one message, and another once it is sent again on purpose", async () => {
  const fields = { act: "send", to: "dora@example.org", subject: "Once", body: "x", form: "f-1" };
  const sentTo = async (): Promise<number> => {
    const { list } = await adas.call("EmailSubmission/get");
    return list.filter(
      ({ envelope, undoStatus }: { envelope: { rcptTo: { email: string }[] }; undoStatus: string }) =>
        undoStatus !== "canceled" && envelope.rcptTo[0]?.email === "dora@example.org",
    ).length;
  };
  const first = await ada.post("/compose/send", fields);
  const again = await ada.post("/compose/send", fields);
  assert.deepEqual([first.status, again.status, await sentTo()], [303, 422, 1]);
  assert.match(again.text, /was sent before/);
  const form = /name="form" value="([^"]+)"/.exec(again.text)?.[1] ?? "";
  assert.equal((await ada.post("/compose/send", { ...fields, form })).status, 303);
  assert.equal(await sentTo(), 2);
  await ada.post("/undo", { act: undoOf(first.location) });
  assert.equal(await sentTo(), 1);
});

test("a member writes as themselves, and nobody else's identity or address counts", async () => {
  await ben.get("/settings");
  const { list } = await (await house.program("ben")).call("Identity/get");
  const sent = await ada.post("/compose/send", {
    act: "send",
    from: list[0].id,
    to: "carl@example.org",
    body: "x",
  });
  assert.match(sent.location, /act=/);
  const { list: submissions } = await adas.call("EmailSubmission/get");
  assert.ok(
    submissions.every(
      (one: { envelope: { mailFrom: { email: string } } }) =>
        one.envelope.mailFrom.email === "ada@burrow.localhost",
    ),
  );
  assert.equal((await ada.post("/settings/identity", { identity: list[0].id, name: "Mallory" })).status, 422);
});

test("lists go on where the page before ended, whatever arrives meanwhile", async () => {
  const bens = await house.program("ben");
  await fileMessages(
    bens,
    Array.from({ length: 60 }, (_, index) => ({
      raw: plainMessage({ id: `${index}@list`, subject: `Number ${index}` }),
      receivedAt: new Date(1_700_000_000_000 + Math.floor(index / 3) * 1000).toISOString(),
    })),
  );
  const subjects = (text: string): string[] =>
    [...text.matchAll(/class="subject">(Number \d+)/g)].map(([, subject = ""]) => subject);
  const first = await ben.get("/");
  const next = /href="(\/\?before=[^"]+)"/.exec(first.text)?.[1] ?? "";
  // An old conversation comes up: its line leaves the place where it was.
  await fileMessage(bens, plainMessage({ inReplyTo: "0@list", subject: "Re: Number 0" }));
  const second = await ben.get(next);
  const all = [...subjects(first.text), ...subjects(second.text)];
  assert.deepEqual([subjects(first.text).length, new Set(all).size, all.length], [50, 59, 59]);
  assert.ok(!all.includes("Number 0"));
  assert.match((await ben.get("/")).text, /class="count">2</);
});

test("nonsense is answered with a refusal, never with a fault, and changes nothing", async () => {
  const state = async () => (await adas.call("Email/get", { ids: [] })).state;
  // To read a conversation changes it.
  await ada.get("/thread/t1");
  const before = await state();
  const odd = [
    "",
    "x",
    "m0",
    "m99999999999999999",
    "-1",
    "e1;DROP",
    "%00",
    "%ff%fe",
    "\u{1f4a9}",
    "../../x",
    "a".repeat(3000),
    "constructor",
    "__proto__",
  ];
  for (const value of odd) {
    const text = value.startsWith("%") ? value : encodeURIComponent(value);
    for (const path of [
      `/box/${text}`,
      `/?before=${text}`,
      `/?act=${text}&said=${text}`,
      `/thread/${text}`,
      `/thread/t1?from=${text}&open=${text}&text=${text}&pictures=${text}&before=${text}`,
      `/email/${text}/frame`,
      `/email/${text}/part/${text}`,
      `/email/e1/part/${text}`,
      `/search?q=${text}&before=${text}`,
      `/compose?draft=${text}`,
      `/compose?reply=${text}`,
      `/compose?to=${text}&subject=${text}&body=${text}&next=${text}`,
      `/empty?in=${text}`,
    ]) {
      const { status } = await ada.get(path);
      assert.ok(status < 500, `${path.slice(0, 200)}: ${status}`);
    }
    for (const [path, names] of [
      ["/act", ["act", "thread", "email", "in", "to", "next"]],
      ["/undo", ["act", "next"]],
      ["/destroy", ["email", "next"]],
      ["/empty", ["in"]],
      ["/unsend", ["submission"]],
      ["/folders", ["act", "mailbox", "parent"]],
      ["/settings/identity", ["identity", "name"]],
      ["/settings/zone", ["zone"]],
      ["/rules", ["act", "was", "name", "match", "field-0", "value-0", "into"]],
    ] as const) {
      const { status, location } = await ada.post(
        path,
        Object.fromEntries(names.map((name) => [name, value])),
      );
      assert.ok(status < 500, `${path}: ${status}`);
      assert.match(location, /^(?:|\/(?!\/).*)$/);
    }
  }
  for (const query of [
    '"',
    "from:",
    "-",
    '-from:"',
    "(((",
    "a* OR b NEAR(",
    "in:nowhere",
    "before:2026-99-99",
    "is:x",
    "has:y",
    ":::",
    "text:NOT",
    "\u0000",
    "NOT a",
    "- ".repeat(400),
  ]) {
    assert.equal((await ada.get(`/search?q=${encodeURIComponent(query)}`)).status, 200, query);
  }
  for (const [type, body] of [
    ["multipart/form-data", "x"],
    ["multipart/form-data; boundary=b", '--b\r\nContent-Disposition: form-data; name="to"\r\n\r\nx'],
    ["application/json", "{}"],
    ["text/plain", "act=send"],
  ] as const) {
    const { status } = await house.client.request({
      method: "POST",
      path: "/compose/send",
      body,
      headers: { cookie: ada.cookie, origin: "https://mail.burrow.localhost", "content-type": type },
    });
    assert.ok(status >= 400 && status < 500, `${type}: ${status}`);
  }
  assert.equal(await state(), before);
  for (const attachment of ["{", "1", "null", "[]", '{"blobId":"G1"}', '{"blobId":"__proto__","name":{}}']) {
    const { status } = await ada.post("/compose/send", {
      act: "save",
      attachment,
      to: '\u0000,;<>"',
      subject: "\r\nBcc: x@y.example",
    });
    assert.ok(status < 500, attachment);
  }
  const { list } = await adas
    .call("Email/query", { filter: { subject: "Bcc" } })
    .then(({ ids }) => adas.call("Email/get", { ids, properties: ["bcc"] }));
  assert.ok(list.every(({ bcc }: { bcc: unknown }) => bcc === null));
});
