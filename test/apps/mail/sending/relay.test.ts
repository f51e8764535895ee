/** The conversation with the relay, in TLS by a certificate that is checked: what is wrong with it ends it before a secret is said. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type Parcel, createRelay } from "../../../../origin/apps/mail/sending/relay.ts";
import { readConfig } from "../../../../origin/config/read-config.ts";
import { createLog } from "../../../../origin/host/log.ts";
import { createOutbound } from "../../../../origin/host/outbound/outbound.ts";
import { makeCertificate } from "../../../host/outbound/certificate.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { account, type RelaySink, startRelaySink } from "./relay-sink.ts";

const host = "relay.example.net";
const address = "198.51.100.25";
const right = makeCertificate(host);

/** A relay of ours whose name leads to the sink, which has the certificate and vouches for it. */
function openRelay(
  t: { after(work: () => unknown): void },
  sink: RelaySink,
  options: { port: number; authority?: string; user?: string; password?: string },
) {
  const dataDir = join(temporaryFolder(t), "data");
  const config = readConfig({
    dataDir,
    environment: {
      BURROW_SERVER_NAME: "example.org",
      BURROW_MAIL_ENABLED: "true",
      BURROW_MAIL_RELAY_HOST: host,
      BURROW_MAIL_RELAY_PORT: String(options.port),
      BURROW_MAIL_RELAY_USER: options.user ?? account.user,
    },
  });
  const outbound = createOutbound({
    config,
    log: createLog({ level: "error", now: Date.now, write: () => undefined }),
    now: Date.now,
    lookup: () => Promise.resolve([{ address, family: 4 }]),
    seam: {
      standIns: new Map([[`${address}:${options.port}`, sink.port]]),
      authority: options.authority ?? right.cert,
    },
  });
  t.after(() => outbound.close());
  const relay = createRelay({
    relay: config.mail!.relay!,
    domain: "example.org",
    password: options.password ?? account.password,
    outbound,
  });
  t.after(() => relay.close());
  return relay;
}

const parcel = (more: Partial<Parcel> = {}): Parcel => ({
  mailFrom: "ada@example.org",
  recipients: ["jo@example.org"],
  size: 100,
  eightBit: false,
  content: () => texts("Subject: hello\r\n\r\n", ".a line\r\n"),
  beforeEnd: () => Promise.resolve(),
  ...more,
});

async function* texts(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

for (const [what, port, secure] of [
  ["TLS from the first byte", 465, true],
  ["STARTTLS", 587, false],
] as const) {
  test(`${what}: a message goes, signed in, byte by byte`, async (t) => {
    const sink = await startRelaySink(t, { ...right, secure, allowInsecureAuth: false });
    const relay = openRelay(t, sink, { port });
    const receipt = await relay.send(parcel({ eightBit: true }));
    assert.deepEqual([receipt.accepted, receipt.refused], [["jo@example.org"], []]);
    assert.match(receipt.reply, /^250 /);
    assert.equal(sink.messages[0]?.raw.toString(), "Subject: hello\r\n\r\n.a line\r\n");
    assert.equal(sink.messages[0]?.parameters["BODY"], "8BITMIME");
    await relay.send(parcel());
    assert.equal(sink.sessions(), 1);
    relay.rest();
    await relay.check();
    assert.equal(sink.messages.length, 2);
  });

  test(`${what}: a certificate of another name, or of nobody known, ends it before the password`, async (t) => {
    const other = makeCertificate("other.example.net");
    const sink = await startRelaySink(t, { ...other, secure });
    for (const authority of [other.cert, right.cert]) {
      const relay = openRelay(t, sink, { port, authority });
      await assert.rejects(relay.send(parcel()), { fault: "tls" });
      await assert.rejects(relay.check(), { fault: "tls" });
    }
    assert.deepEqual([sink.messages.length, sink.refusedSignIns()], [0, 0]);
  });
}

test("a relay that offers no STARTTLS hears neither the password nor a message", async (t) => {
  const sink = await startRelaySink(t);
  const relay = openRelay(t, sink, { port: 587, password: "not the password" });
  await assert.rejects(relay.send(parcel()), { fault: "tls" });
  assert.deepEqual([sink.messages.length, sink.refusedSignIns()], [0, 0]);
});

test("a sign-in that is refused, and a password that is not there", async (t) => {
  const sink = await startRelaySink(t, { ...right, secure: true });
  const wrong = openRelay(t, sink, { port: 465, password: "wrong" });
  await assert.rejects(wrong.send(parcel()), { fault: "auth", reply: "535 5.7.8 Wrong user or password" });
  const open = openRelay(t, sink, { port: 465, user: "" });
  await assert.rejects(open.send(parcel()), { fault: "auth" });
});

test("what is refused of some, of all, and of the message; the connection is good for the next one", async (t) => {
  const sink = await startRelaySink(t, { ...right, secure: true });
  const relay = openRelay(t, sink, { port: 465 });
  const recipients = ["jo@example.org", "gone@example.org", "later@example.org"];
  sink.answers.recipient = (to) =>
    ({ "gone@example.org": "550 5.1.1 Gone", "later@example.org": "450 4.2.1 Later" })[to];
  const refused = [
    { address: "gone@example.org", reply: "550 5.1.1 Gone" },
    { address: "later@example.org", reply: "450 4.2.1 Later" },
  ];
  const some = await relay.send(parcel({ recipients }));
  assert.deepEqual([some.accepted, some.refused], [["jo@example.org"], refused]);
  const all = await relay.send(parcel({ recipients: recipients.slice(1) }));
  assert.deepEqual([all.accepted, all.refused], [[], refused]);
  sink.answers.message = () => "554 5.7.1 We do not like it";
  await assert.rejects(relay.send(parcel()), { fault: "message", reply: "554 5.7.1 We do not like it" });
  await assert.rejects(relay.send(parcel({ size: 40_000_000 })), { fault: "message" });
  await assert.rejects(relay.send(parcel({ recipients: ["a>b@example.org"] })), { fault: "message" });
  sink.answers = {};
  await relay.send(parcel());
  assert.equal(sink.messages.length, 2);
});

test("a message that is given up before its end is not taken for a whole one", async (t) => {
  const sink = await startRelaySink(t, { ...right, secure: true });
  const relay = openRelay(t, sink, { port: 465 });
  const canceled = new Error("taken back");
  await assert.rejects(relay.send(parcel({ beforeEnd: () => Promise.reject(canceled) })), canceled);
  const broken = new Error("the disk");
  await assert.rejects(
    relay.send(
      parcel({
        async *content() {
          yield Buffer.from("Subject: half\r\n\r\n");
          throw broken;
        },
      }),
    ),
    broken,
  );
  await relay.send(parcel());
  assert.equal(sink.messages.length, 1);
});

test("a relay that takes one message on a connection gets the next one on another", async (t) => {
  const sink = await startRelaySink(t, { ...right, secure: true });
  const relay = openRelay(t, sink, { port: 465 });
  await relay.send(parcel());
  let refusals = 1;
  sink.answers.recipient = () => (refusals-- > 0 ? "421 4.7.0 Enough of you" : undefined);
  await relay.send(parcel());
  assert.deepEqual([sink.messages.length, sink.sessions()], [2, 2]);
});

test("who stops does not wait for a relay that says nothing", async (t) => {
  const asked = Promise.withResolvers<void>();
  const sink = await startRelaySink(t, {
    ...right,
    secure: true,
    onMailFrom: () => asked.resolve(),
  });
  const relay = openRelay(t, sink, { port: 465 });
  const sent = relay.send(parcel());
  await asked.promise;
  relay.close();
  await assert.rejects(sent, { fault: "unreachable", reply: /stopping/ });
  await assert.rejects(relay.send(parcel()), { fault: "unreachable" });
});

test("nobody there, and a relay that says it is closing: neither is a fault of the message", async (t) => {
  const sink = await startRelaySink(t, { ...right, secure: true });
  const relay = openRelay(t, sink, { port: 465 });
  sink.answers.recipient = () => "421 4.3.2 Closing";
  await assert.rejects(relay.send(parcel()), { fault: "unreachable", reply: "421 4.3.2 Closing" });
  await sink.close();
  await assert.rejects(relay.send(parcel()), { fault: "unreachable" });
});
