/**
 * SIGKILL at every step of sending: while a message is made ready, at each command to the relay, in the midst of it,
 * behind its last octet, before and after the relay's answer. By itself: `mail-sending-kill.ts ROUNDS [SEED]`.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { SMTPServer } from "smtp-server";

import { openBetterSqlite3 } from "../../origin/storage/driver-better-sqlite3.ts";
import { createKdf } from "../../origin/members/kdf.ts";
import { writeSecret } from "../../origin/config/secrets.ts";
import { createProgram, type Program } from "../apps/mail/jmap/house.ts";
import { account } from "../apps/mail/sending/relay-sink.ts";
import { sendLetter } from "../apps/mail/sending/sending-house.ts";
import { freePort, type OriginProcess, startOriginProcess } from "../support/origin-process.ts";
import { createSignedClient } from "../support/signed-client.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestOrigin } from "../support/test-origin.ts";

const sendingSteps = [
  "submitted",
  "connected",
  "signed in",
  "sender",
  "recipient",
  "content",
  "end",
  "answered",
  "any",
] as const;
type Step = (typeof sendingSteps)[number];

export interface SendingKillReport {
  kills: number;
  messages: number;
  /** Sent twice, where the relay's answer and the kill crossed. */
  twice: number;
}

const far = "jo@example.org";
const gone = "gone@example.org";
const near = "ben@burrow.localhost";
const longText = "A line of some length, so that it goes in more than one piece.\n".repeat(4000);

/** After each kill the server starts again, and what was submitted goes: see the assertions. */
export async function runSendingKills(options: {
  readonly rounds: number;
  /** In turn; all of them where nothing is said. */
  readonly steps?: readonly Step[];
  readonly progress?: (round: number, report: SendingKillReport) => void;
}): Promise<SendingKillReport> {
  const cleanups: (() => unknown)[] = [];
  try {
    return await run({ after: (work) => void cleanups.push(work) }, options);
  } finally {
    for (const cleanup of cleanups.toReversed()) await cleanup();
  }
}

async function run(
  t: { after(work: () => unknown): void },
  { rounds, steps = sendingSteps, progress }: Parameters<typeof runSendingKills>[0],
): Promise<SendingKillReport> {
  const dataDir = join(temporaryFolder(t), "data");
  const relay = await startKillingRelay(t);
  const people = await setUp(dataDir, relay.port);
  const port = await freePort();
  const start = (): Promise<OriginProcess> =>
    startOriginProcess({
      dataDir,
      port,
      env: { NODE_COMPILE_CACHE: join(dataDir, "..", "compiled") },
      onLog() {},
    });
  let origin = await start();
  t.after(() => origin.kill("SIGKILL"));
  const client = createSignedClient({
    origin: origin.url,
    edgeKey: origin.edgeKey,
    host: "mail.burrow.localhost",
  });
  t.after(() => client.close());
  const ada = createProgram(client, people.ada);
  const ben = createProgram(client, people.ben);
  const report: SendingKillReport = { kills: 0, messages: 0, twice: 0 };

  for (let round = 1; round <= rounds; round += 1) {
    const step = steps[(round - 1) % steps.length] ?? "any";
    const subject = `letter ${round}`;
    const killed = relay.killAt(step, () => origin.kill("SIGKILL"));
    // Its Bcc is taken out on the way: what goes is another blob than what lies in Sent.
    const { id } = await sendLetter(ada, "ada", { to: [far, near], bcc: [gone], subject, text: longText });
    report.messages += 1;
    relay.submitted();
    await killed;
    report.kills += 1;
    const before = stateOf(dataDir, id);
    relay.disarm();
    origin = await start();
    await untilDone(ada, id);

    const copies = relay.acceptedOf(subject);
    assert.ok(copies.length >= 1, `${subject}, killed at "${step}", never came`);
    assert.ok(
      copies.every((copy) => copy === copies[0]),
      "each time it is the same message",
    );
    assert.doesNotMatch(copies[0] ?? "", /^bcc:/im);
    // The relay has seen the end: that it may have the message was on disk by then.
    if (step === "end") assert.equal(before, "sending");
    if (before !== "sending") assert.equal(copies.length, 1, `${subject}, killed at "${step}", came twice`);
    assert.ok(copies.length <= 2);
    report.twice += copies.length - 1;
    progress?.(round, report);
  }
  await checkMailboxes(ben, ada, rounds);
  checkTables(dataDir);
  return report;
}

/** Each letter is in the inbox of the member once, in Sent once, and of the address that is gone there is one report. */
async function checkMailboxes(ben: Program, ada: Program, rounds: number): Promise<void> {
  for (const [who, role, title] of [
    [ben, "inbox", "letter"],
    [ada, "sent", "letter"],
    [ada, "inbox", "Could not be delivered: letter"],
  ] as const) {
    const { list: boxes } = await who.call("Mailbox/get", { ids: null });
    const inMailbox = boxes.find((box: { role: string }) => box.role === role).id;
    const { ids } = await who.call("Email/query", { filter: { inMailbox } });
    const { list } = await who.call("Email/get", { ids, properties: ["subject"] });
    const subjects = list.map(({ subject }: { subject: string }) => subject).toSorted();
    const expected = Array.from({ length: rounds }, (_, at) => `${title} ${at + 1}`).toSorted();
    assert.deepEqual(subjects, expected, `${role}: ${title}`);
  }
}

async function setUp(dataDir: string, relayPort: number) {
  const server = await startTestOrigin({
    dataDir,
    kdf: createKdf({ memory: 8, passes: 1 }),
    settings: `[mail]\nrelay_host = "127.0.0.1"\nrelay_port = ${relayPort}\nrelay_user = "${account.user}"\n`,
  });
  writeSecret(dataDir, "mail-relay-password", account.password);
  const { members } = server.origin;
  await members.createOwner({ name: "ada", password: "violet anchor biscuit lamp" });
  await members.createAccount({ name: "ben", password: "violet anchor biscuit lamp" });
  const keyOf = async (name: string) => {
    const { id: memberId } = members.find(name)!;
    const { secret } = await members.keys.create(
      { via: "device" },
      { memberId, kind: "app-password", name: "a program", scopes: ["mail"] },
    );
    return { name, secret, accountId: `u${memberId}` };
  };
  const people = { ada: await keyOf("ada"), ben: await keyOf("ben") };
  await server.close();
  return people;
}

async function untilDone(who: Program, id: string): Promise<void> {
  for (;;) {
    const { list } = await who.call("EmailSubmission/get", { ids: [id] });
    const states = Object.values(list[0].deliveryStatus as Record<string, { delivered: string }>);
    if (states.every(({ delivered }) => delivered !== "queued")) return;
    await pause(10);
  }
}

/** What the dead process has left of the recipient who is far. */
function stateOf(dataDir: string, id: string): string {
  const database = openBetterSqlite3(join(dataDir, "databases", "mail.db"));
  try {
    return database
      .prepare<{ state: string }>("SELECT state FROM recipients WHERE submission = ? AND address = ?")
      .all(Number(id.slice(1)), far)[0]!.state;
  } finally {
    database.close();
  }
}

/** Nothing waits, and no blob is counted for a row that is not there. */
function checkTables(dataDir: string): void {
  const database = openBetterSqlite3(join(dataDir, "databases", "mail.db"));
  try {
    assert.deepEqual(database.prepare("PRAGMA integrity_check").all(), [{ integrity_check: "ok" }]);
    assert.deepEqual(database.prepare("SELECT id FROM submissions WHERE hash IS NOT NULL").all(), []);
    const wrong = database.prepare(
      `SELECT hash FROM mail_blobs b WHERE refs <>
         (SELECT count(*) FROM messages m WHERE m.hash = b.hash) + (SELECT count(*) FROM uploads u WHERE u.hash = b.hash)`,
    );
    assert.deepEqual(wrong.all(), []);
  } finally {
    database.close();
  }
}

/** A relay that kills the server, once, when it comes to a step. */
async function startKillingRelay(t: { after(work: () => unknown): void }) {
  const accepted: string[] = [];
  let armed: { step: Step; fire: () => void } | undefined;
  const reach = (step: Step): void => {
    if (armed?.step !== step) return;
    const { fire } = armed;
    armed = undefined;
    fire();
  };
  const server = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    allowInsecureAuth: true,
    closeTimeout: 100,
    logger: false,
    onConnect(_session, done) {
      reach("connected");
      done();
    },
    onAuth({ username }, _session, done) {
      reach("signed in");
      done(null, { user: username ?? "" });
    },
    onMailFrom(_address, _session, done) {
      reach("sender");
      done();
    },
    onRcptTo({ address }, _session, done) {
      reach("recipient");
      done(address === gone ? Object.assign(new Error("5.1.1 Gone"), { responseCode: 550 }) : null);
    },
    onData(stream, _session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        reach("content");
      });
      stream.on("end", () => {
        // What was never answered was not accepted; any answer could come before the kill.
        const isLast = armed?.step === "end";
        reach("end");
        if (isLast) return;
        accepted.push(Buffer.concat(chunks).toString());
        done();
        reach("answered");
      });
    },
  });
  server.on("error", () => undefined);
  const listening = server.listen(0, "127.0.0.1");
  await new Promise((resolve) => listening.once("listening", resolve));
  t.after(() => new Promise<void>((resolve) => server.close(resolve)));
  return {
    port: (listening.address() as { port: number }).port,
    /** The messages with this subject that the relay took. */
    acceptedOf: (subject: string) =>
      accepted.filter((text) => new RegExp(`^Subject: ${subject}\\r?$`, "m").test(text)),
    /** Resolves when the server is dead. */
    async killAt(step: Step, kill: () => Promise<void>): Promise<void> {
      await new Promise<void>((resolve) => {
        armed = { step, fire: resolve };
      });
      // The relay's answer and the kill cross, sooner or later.
      if (step === "answered") await pause(Math.random() * 6);
      await kill();
    },
    /** The submission was acknowledged; a step that is never reached falls here, after a while. */
    submitted(): void {
      if (armed?.step === "submitted") reach("submitted");
      else if (armed?.step === "any") setTimeout(() => reach("any"), Math.random() * 150);
    },
    disarm(): void {
      armed = undefined;
    },
  };
}

if (import.meta.filename === process.argv[1]) {
  const rounds = Number(process.argv[2] ?? 250);
  const report = await runSendingKills({
    rounds,
    progress(round, so) {
      if (round % 10 === 0) console.log(`${round} of ${rounds}: ${so.twice} came twice`);
    },
  });
  console.log(
    `${report.kills} kills, ${report.messages} messages: none lost; ${report.twice} came twice, the same each time, where the kill crossed the relay's answer`,
  );
}
