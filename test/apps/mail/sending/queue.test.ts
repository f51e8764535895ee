/** R4 and what leaves: members' mail by the relay, what becomes of it, and who hears of it. Over JMAP, to a real SMTP server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startRelaySink } from "./relay-sink.ts";
import { deliveredTo, hourMs, openSendingHouse, replyTo } from "./sending-house.ts";

test("mail by the relay", async (t) => {
  const sink = await startRelaySink(t);
  const house = await openSendingHouse(t, { sink });
  const far = "jo@example.org";

  await t.test("is sent once, byte by byte what lies in Sent, which cannot be taken back then", async () => {
    const { id } = await house.send({ to: [far], text: "Grüße.\n.\n..two dots\n" });
    await sink.arrived(1);
    const done = await house.until(id, (one) => deliveredTo(one, far) !== "queued");
    assert.equal(deliveredTo(done, far), "unknown");
    assert.match(replyTo(done, far), /^250 /);
    assert.equal(done.undoStatus, "final");
    const [message] = sink.messages;
    const [sent] = await house.emailsIn("sent");
    assert.equal(message?.raw.toString(), (await house.raw(sent.blobId)).toString());
    assert.deepEqual([message?.from, message?.to], ["ada@burrow.localhost", [far]]);
    const { notUpdated } = await house.ada.call("EmailSubmission/set", {
      update: { [id]: { undoStatus: "canceled" } },
    });
    assert.equal(notUpdated[id].type, "cannotUnsend");
    assert.equal(sink.messages.length, 1);
  });

  await t.test("goes without Bcc, to whom Bcc names too; the copy in Sent has it", async () => {
    const before = sink.messages.length;
    const { id } = await house.send({ to: [far], bcc: ["kim@example.org", "lou@example.org"] });
    await sink.arrived(before + 1);
    const message = sink.messages.at(-1);
    assert.deepEqual(message?.to.toSorted(), [far, "kim@example.org", "lou@example.org"]);
    assert.doesNotMatch(message?.raw.toString() ?? "", /bcc|kim|lou/i);
    const [sent] = await house.emailsIn("sent");
    assert.equal(sent.bcc.length, 2);
    await house.until(id, (one) => deliveredTo(one, far) === "unknown");
  });

  await t.test("a draft of elsewhere without date and message id has both on its way", async () => {
    const before = sink.messages.length;
    const body = "From: ada@burrow.localhost\r\nTo: jo@example.org\r\nSubject: bare\r\n\r\nbytes \xff\r\n";
    const { blobId } = await house.upload(body);
    const { list } = await house.ada.call("Mailbox/get", { ids: null });
    const mailboxIds = { [list[0].id]: true };
    const imported = await house.ada.call("Email/import", { emails: { one: { blobId, mailboxIds } } });
    const identities = await house.ada.call("Identity/get", { ids: null });
    const one = { identityId: identities.list[0].id, emailId: imported.created.one.id };
    await house.ada.call("EmailSubmission/set", { create: { one } });
    await sink.arrived(before + 1);
    const message = sink.messages.at(-1);
    const text = message?.raw.toString("latin1") ?? "";
    assert.match(text, /^Message-ID: <\S+@burrow\.localhost>\r$/m);
    assert.match(text, /^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r$/m);
    assert.ok(text.endsWith(body));
    assert.equal(message?.parameters["BODY"], "8BITMIME");
    await house.ada.call("Email/set", { destroy: [imported.created.one.id] });
  });

  await t.test("no second author goes along, nor one behind a bare carriage return", async () => {
    const before = sink.messages.length;
    const identities = await house.ada.call("Identity/get", { ids: null });
    const submit = async (head: string) => {
      const { blobId } = await house.upload(
        `${head}To: jo@example.org\r\nMessage-ID: <x@y>\r\n\r\nHello.\r\n`,
      );
      const { list } = await house.ada.call("Mailbox/get", { ids: null });
      const mailboxIds = { [list[0].id]: true };
      const imported = await house.ada.call("Email/import", { emails: { one: { blobId, mailboxIds } } });
      const one = { identityId: identities.list[0].id, emailId: imported.created.one.id };
      const answer = await house.ada.call("EmailSubmission/set", { create: { one } });
      return { emailId: one.emailId, type: answer.notCreated?.one.type };
    };
    const own = "From: ada@burrow.localhost\r\n";
    for (const head of [
      `From: ben@burrow.localhost\r\n${own}`,
      `${own}from : ben@burrow.localhost\r\n`,
      `${own}Sender: ben@burrow.localhost\r\nSender: ada@burrow.localhost\r\n`,
    ]) {
      const { type, emailId } = await submit(head);
      assert.equal(type, "forbiddenFrom", head);
      await house.ada.call("Email/set", { destroy: [emailId] });
    }
    const { emailId, type } = await submit(`:x\rFrom: ben@burrow.localhost\r\n${own}`);
    assert.equal(type, undefined);
    await sink.arrived(before + 1);
    assert.deepEqual(
      sink.messages
        .at(-1)
        ?.raw.toString()
        .match(/^from\b.*$/gim),
      [own.trim()],
    );
    await house.ada.call("Email/set", { destroy: [emailId] });
  });

  await t.test("what is refused for good comes back as a report, once", async () => {
    sink.answers.recipient = (address) =>
      address === "gone@example.org" ? "550 5.1.1 No such user here" : undefined;
    const before = sink.messages.length;
    const { id } = await house.send({ to: [far, "gone@example.org"], subject: "Grüße an alle" });
    const done = await house.until(id, (one) => deliveredTo(one, "gone@example.org") === "no");
    assert.equal(replyTo(done, "gone@example.org"), "550 5.1.1 No such user here");
    assert.deepEqual(
      sink.messages.slice(before).map(({ to }) => to),
      [[far]],
    );
    const [report, ...others] = await house.untilEmails("inbox", 1);
    assert.deepEqual(others, []);
    assert.equal(report.subject, "Could not be delivered: Grüße an alle");
    assert.deepEqual(done.dsnBlobIds, [report.blobId]);
    assert.deepEqual(report.keywords, {});
    const text = report.bodyValues[report.textBody[0].partId].value;
    assert.match(text, /^Your message "Grüße an alle" could not be delivered to:/);
    assert.match(text, /gone@example\.org\s+550 5\.1\.1 No such user here/);
    const raw = (await house.raw(report.blobId)).toString();
    assert.match(raw, /^Content-Type: multipart\/report; report-type=delivery-status;/m);
    assert.match(
      raw,
      /^Final-Recipient: rfc822; gone@example\.org\r\nAction: failed\r\nStatus: 5\.1\.1\r\n/m,
    );
    assert.match(raw, /^Auto-Submitted: auto-replied\r$/m);
    assert.doesNotMatch(raw, /Final-Recipient: rfc822; jo@/);
    sink.answers = {};
  });

  await t.test(
    "what is refused for now is tried again, its sender told after four hours, given up after three days",
    async () => {
      sink.answers.recipient = () => "450 4.2.1 Later, please";
      const reports = (await house.emailsIn("inbox")).length;
      const { id } = await house.send({ to: [far], subject: "slow" });
      await house.until(id, (one) => replyTo(one, far) === "450 4.2.1 Later, please");
      const { answer } = await house.ask("GET", "");
      assert.deepEqual(
        [answer.waiting, answer.messages[0].member, answer.messages[0].attempts],
        [1, "ada", 1],
      );
      const wait = Date.parse(answer.messages[0].next_try) - Date.parse(answer.messages[0].since);
      assert.ok(wait >= 60_000 && wait < 90_000, `${wait} ms`);
      assert.equal((await house.emailsIn("inbox")).length, reports);

      house.clock.ahead = 4 * hourMs;
      await house.ask("POST", "/retry");
      const [told] = await house.untilEmails("inbox", reports + 1);
      assert.equal(told.subject, "Not delivered yet: slow");
      await house.ask("POST", "/retry");
      await house.until(id, () => true);
      assert.equal((await house.submission(id)).dsnBlobIds.length, 1);

      house.clock.ahead = 72 * hourMs;
      await house.ask("POST", "/retry");
      const done = await house.until(id, (one) => deliveredTo(one, far) === "no");
      assert.equal(done.dsnBlobIds.length, 2);
      const [failed] = await house.untilEmails("inbox", reports + 2);
      assert.equal(failed.subject, "Could not be delivered: slow");
      sink.answers = {};
      house.clock.ahead = 0;
    },
  );

  await t.test("what waits is taken back, and does not go", async () => {
    sink.answers.recipient = () => "450 4.2.1 Later, please";
    const before = sink.messages.length;
    const { id } = await house.send({ to: [far] });
    const waiting = await house.until(id, (one) => replyTo(one, far).startsWith("450"));
    assert.equal(waiting.undoStatus, "pending");
    sink.answers = {};
    await house.ada.call("EmailSubmission/set", { update: { [id]: { undoStatus: "canceled" } } });
    assert.equal((await house.ask("POST", "/retry")).answer.retried, 0);
    const held = await house.send({
      to: [far],
      envelope: {
        mailFrom: { email: "ada@burrow.localhost", parameters: { HOLDFOR: "600" } },
        rcptTo: [{ email: far }],
      },
    });
    assert.equal((await house.submission(held.id)).undoStatus, "pending");
    const { answer } = await house.ask("GET", "");
    assert.equal((await house.ask("POST", `/${answer.messages[0].id}/cancel`)).status, 200);
    assert.equal((await house.submission(held.id)).undoStatus, "canceled");
    const after = await house.send({ to: [far], subject: "after" });
    await house.until(after.id, (one) => deliveredTo(one, far) === "unknown");
    assert.equal(sink.messages.length, before + 1);
  });

  await t.test("a message that comes while another is sent goes on the same connection", async () => {
    const [before, sessions] = [sink.messages.length, sink.sessions()];
    await Promise.all(["a", "b", "c"].map((subject) => house.send({ to: [far], subject })));
    await sink.arrived(before + 3);
    assert.ok(sink.sessions() - sessions < 3);
  });

  await t.test("addresses in other letters: domains as DNS has them, names as they are", async () => {
    const before = sink.messages.length;
    await house.send({ to: ["jo@bücher.example"] });
    await sink.arrived(before + 1);
    await house.send({ to: ["用户@bücher.example"] });
    await sink.arrived(before + 2);
    // The sink shows domains in their own letters; what was said in others than ASCII came with SMTPUTF8.
    assert.deepEqual(
      sink.messages.slice(before).map(({ to, parameters }) => [...to, "SMTPUTF8" in parameters]),
      [
        ["jo@bücher.example", false],
        ["用户@bücher.example", true],
      ],
    );
  });

  await t.test("a member who is suspended or locked meanwhile sends nothing", async () => {
    sink.answers.recipient = () => "450 4.2.1 Later, please";
    const before = sink.messages.length;
    const { id } = await house.send({ to: [far] }, house.ben, "ben");
    await house.until(id, (one) => replyTo(one, far).startsWith("450"), house.ben);
    sink.answers = {};
    const { id: ben } = house.members.find("ben")!;
    await house.members.suspend(ben);
    await house.ask("POST", "/retry");
    const other = await house.send({ to: [far], subject: "other" });
    await house.until(other.id, (one) => deliveredTo(one, far) === "unknown");
    assert.deepEqual(
      sink.messages.slice(before).map(({ from }) => from),
      ["ada@burrow.localhost"],
    );
    // Whoever sits in a stolen session may have put it there.
    await house.members.lock(ben);
    await house.members.unsuspend(ben);
    await house.ask("POST", "/retry");
    const third = await house.send({ to: [far], subject: "third" });
    await house.until(third.id, (one) => deliveredTo(one, far) === "unknown");
    assert.equal(sink.messages.length, before + 2);
    assert.equal(sink.messages.at(-1)?.from, "ada@burrow.localhost");
    await house.members.unlock(ben);
    await house.ask("POST", "/retry");
    await house.until(id, (one) => deliveredTo(one, far) === "unknown", house.ben);
  });

  await t.test("doctor has signed in, and nothing waits", async () => {
    assert.deepEqual(
      (await house.doctor("relay", "queue")).map(({ status, detail }) => [status, detail]),
      [
        ["ok", "127.0.0.1 takes mail from here."],
        ["ok", "Nothing waits."],
      ],
    );
  });

  await t.test("nobody but the owner sees or moves the queue", async () => {
    const path = "/_burrow/admin/v1/mail/queue";
    for (const asked of [
      { method: "GET", path },
      { method: "POST", path: `${path}/retry`, body: {} },
    ]) {
      assert.equal((await house.owners.request(asked)).status, 401);
      assert.equal((await house.owners.request({ ...asked, token: "a guess" })).status, 401);
    }
  });
});

test("a relay that refuses the sign-in: all of it waits, nobody gets a report, the owner is told", async (t) => {
  const sink = await startRelaySink(t);
  const house = await openSendingHouse(t, { sink, password: "another password" });
  const far = "jo@example.org";
  const first = await house.send({ to: [far] });
  const second = await house.send({ to: [far] });
  for (const { id } of [first, second]) await house.until(id, (one) => replyTo(one, far).startsWith("535"));
  house.clock.ahead = 100 * hourMs;
  await house.ask("POST", "/retry");
  await house.untilEmails("inbox", 2);
  const subjects = (await house.emailsIn("inbox")).map(({ subject }) => subject);
  assert.deepEqual(subjects, ["Not delivered yet: hello", "Not delivered yet: hello"]);
  assert.equal((await house.submission(first.id)).deliveryStatus[far].delivered, "queued");
  assert.equal(house.origin.alerts.open()[0]?.id, "mail-relay");
  assert.equal(sink.messages.length, 0);
  assert.ok(!house.log.some((line) => line.includes("another password")));
  const rows = await house.doctor("relay", "queue", "DNS");
  assert.deepEqual(
    rows.filter(({ status }) => status !== "ok").map(({ name }) => name),
    ["relay", "queue"],
  );
});

test("without a relay members write to each other, and what is for others waits", async (t) => {
  const house = await openSendingHouse(t);
  const letter = { to: ["ben+shop@burrow.localhost", "jo@example.org"], bcc: ["nobody@burrow.localhost"] };
  const { id } = await house.send(letter);
  const done = await house.until(id, (one) => replyTo(one, "jo@example.org").startsWith("451"));
  assert.equal(deliveredTo(done, "ben+shop@burrow.localhost"), "yes");
  assert.match(replyTo(done, "jo@example.org"), /has no mail relay/);
  assert.equal(deliveredTo(done, "nobody@burrow.localhost"), "no");
  const inbox = await house.emailsIn("inbox", house.ben);
  assert.deepEqual(
    inbox.map(({ subject, bcc }) => [subject, bcc]),
    [["hello", null]],
  );
  await house.ask("POST", "/retry");
  await house.until(id, () => true);
  assert.equal((await house.emailsIn("inbox", house.ben)).length, 1);
  assert.equal((await house.untilEmails("inbox", 1))[0].subject, "Could not be delivered: hello");
  const rows = await house.doctor("relay", "queue", "DNS");
  assert.deepEqual(
    rows.map(({ name, status }) => [name, status]),
    [
      ["relay", "warning"],
      ["queue", "ok"],
      ["DNS", "ok"],
    ],
  );
});

test("who is away answers, once, and a member has it in the mailbox at once", async (t) => {
  const sink = await startRelaySink(t);
  const house = await openSendingHouse(t, { sink });
  await house.ben.call("VacationResponse/set", {
    update: { singleton: { isEnabled: true, subject: "Away", textBody: "Until Monday." } },
  });
  for (const subject of ["one", "two"]) {
    const { id } = await house.send({ to: ["ben@burrow.localhost"], subject });
    await house.until(id, (one) => deliveredTo(one, "ben@burrow.localhost") === "yes");
  }
  const [reply, ...others] = await house.untilEmails("inbox", 1);
  assert.deepEqual([reply.subject, others], ["Away", []]);
  assert.match((await house.raw(reply.blobId)).toString(), /^Auto-Submitted: auto-replied\r$/m);
  assert.equal(sink.messages.length, 0);
  assert.equal((await house.ask("GET", "")).answer.waiting, 0);
});

test("so many recipients a day, whatever a member does with the submissions", async (t) => {
  const sink = await startRelaySink(t);
  const house = await openSendingHouse(t, { sink });
  const many = (from: number, count: number): string[] =>
    Array.from({ length: count }, (_, at) => `p${from + at}@example.org`);
  await assert.rejects(house.send({ to: many(0, 501) }), /tooManyRecipients/);
  for (const from of [0, 500]) {
    const to = many(from, 500);
    const { id } = await house.send({ to });
    await house.until(id, (one) => to.every((address) => deliveredTo(one, address) === "unknown"));
    const { destroyed } = await house.ada.call("EmailSubmission/set", { destroy: [id] });
    assert.deepEqual(destroyed, [id]);
  }
  assert.equal(sink.messages.flatMap(({ to }) => to).length, 1000);
  assert.ok(sink.messages.every(({ to }) => to.length <= 100));
  await assert.rejects(house.send({ to: ["one@example.org"] }), /forbiddenToSend/);
});
