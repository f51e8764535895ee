/**
 * What the pages of the webmail and the queries of a mail program cost with a full mailbox:
 * `node test/bench/mail-pages.ts [MESSAGES]`. Each figure is of whole requests, one at a time, through the signed
 * listener on loopback, beside one that does nothing; the processor's time is that of the server and of whoever asks.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createChanges } from "../../origin/apps/mail/mailbox/changes.ts";
import { fieldsOf } from "../../origin/apps/mail/mailbox/email-fields.ts";
import { createEmailStore } from "../../origin/apps/mail/mailbox/email-store.ts";
import { createMailboxStore } from "../../origin/apps/mail/mailbox/mailbox-store.ts";
import { createThreadStore } from "../../origin/apps/mail/mailbox/thread-store.ts";
import type { Message } from "../../origin/apps/mail/message/message.ts";
import { mailMigrations } from "../../origin/apps/mail/store/migrations.ts";
import { createKdf } from "../../origin/members/kdf.ts";
import { openDatabases } from "../../origin/storage/databases.ts";
import { openPrograms, using } from "../apps/mail/jmap/house.ts";
import { createSignedClient } from "../support/signed-client.ts";
import { startTestOrigin } from "../support/test-origin.ts";
import { random, vocabulary, words } from "./words.ts";

const messages = Number(process.argv[2] ?? 50_000);
const rounds = 200;
const host = "mail.burrow.localhost";

function makeMessage(index: number, answers: number | undefined): Message {
  const text = words(40 + Math.floor(random() * 160));
  const subject = answers === undefined ? words(5) : undefined;
  const header = (name: string, value: string) => ({ name, value: ` ${value}` });
  const sender = Math.floor(random() ** 2 * 500);
  const headers = [
    header("From", `Sender ${sender} <sender${sender}@example.org>`),
    header("To", "Ada <ada@burrow.localhost>"),
    header("Subject", subject ?? subjects.get(answers ?? 0) ?? ""),
    header("Message-ID", `<${index}@example.org>`),
    ...(answers === undefined ? [] : [header("In-Reply-To", `<${answers}@example.org>`)]),
  ];
  return {
    fields: fieldsOf(headers),
    root: {
      partId: "1",
      headers,
      type: "text/plain",
      charset: "utf-8",
      disposition: null,
      name: null,
      cid: null,
      language: null,
      location: null,
      size: text.length,
      subParts: null,
    },
    texts: { "1": { value: text, isEncodingProblem: false, isTruncated: false } },
    preview: text.slice(0, 256),
    hasAttachment: random() < 0.1,
    searchText: text,
  };
}
const subjects = new Map<number, string>();

/** A third of the messages answer another one; nine of ten lie in the inbox, most of them read. */
async function fill(dataDir: string, account: number): Promise<void> {
  const databases = openDatabases(dataDir);
  const database = databases.open("mail", mailMigrations);
  const changes = createChanges(database);
  const mailboxes = createMailboxStore(database, changes);
  const emails = createEmailStore(database, changes, createThreadStore(database, changes));
  const noteBlob = database.prepare("INSERT INTO mail_blobs (hash, size) VALUES (?, ?)");
  await database.write((transaction) => mailboxes.openAccount(transaction, account));
  const [inbox, archive] = (["inbox", "archive"] as const).map((role) => mailboxes.byRole(account, role)!.id);
  const begin = Date.now() - messages * 600_000;
  for (let start = 0; start < messages; start += 500) {
    await database.write((transaction) => {
      for (let index = start; index < Math.min(start + 500, messages); index += 1) {
        const answers = index > 100 && random() < 0.33 ? index - 1 - Math.floor(random() * 100) : undefined;
        const message = makeMessage(index, answers);
        subjects.set(index, message.root.headers[2]?.value.trim() ?? "");
        const hash = String(index).padStart(64, "0");
        noteBlob.run(hash, 2000);
        emails.add(transaction, {
          account,
          blob: { hash, size: 2000 },
          message,
          mailboxes: [random() < 0.9 ? inbox! : archive!],
          keywords: random() < 0.95 ? ["$seen"] : random() < 0.1 ? ["$flagged"] : [],
          receivedAt: begin + index * 600_000,
        });
      }
    });
  }
  await databases.close();
}

function ownTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

const dataDir = join(mkdtempSync(join(tmpdir(), "burrow-mail-pages-")), "data");
const kdf = createKdf({ memory: 8, passes: 1 });
const first = await startTestOrigin({ dataDir, kdf });
const { id: account } = await first.origin.members.createOwner({
  name: "ada",
  password: "violet anchor biscuit lamp",
});
await first.close();
const filling = performance.now();
await fill(dataDir, account);
console.log(`${messages} messages in ${((performance.now() - filling) / 1000).toFixed(0)} s`);

const server = await startTestOrigin({ dataDir, kdf });
const { origin, facts } = server;
const client = createSignedClient({ origin: facts.url, edgeKey: facts.edgeKey, host });
const browser = { userAgent: "", address: "192.0.2.1" };
const parent = await origin.members.webSessions.open(account, { ...browser, host: "id.burrow.localhost" });
const session = await origin.members.webSessions.openChild(parent.id, { ...browser, host });
const program = await openPrograms(origin.members, client)("ada");

async function look(path: string): Promise<string> {
  const { status, text } = await client.request({
    method: "GET",
    path,
    headers: { accept: "text/html", cookie: `__Host-burrow-session=${session?.token}` },
  });
  if (status !== 200) throw new Error(`${path}: ${status} ${text.slice(0, 300)}`);
  return text;
}

async function query(filter: object, position = 0): Promise<void> {
  const { accountId } = program;
  const body = {
    using,
    methodCalls: [
      [
        "Email/query",
        { accountId, filter, sort: [{ property: "receivedAt", isAscending: false }], position, limit: 50 },
        "0",
      ],
      [
        "Email/get",
        {
          accountId,
          "#ids": { resultOf: "0", name: "Email/query", path: "/ids" },
          properties: ["threadId", "subject", "from", "receivedAt", "preview", "keywords", "hasAttachment"],
        },
        "1",
      ],
    ],
  };
  const { status } = await program.ask({ method: "POST", path: "/jmap/api", body });
  if (status !== 200) throw new Error(String(status));
}

const often = vocabulary[0] ?? "";
const seldom = vocabulary[12_000] ?? "";
const deep = `/?before=${Date.now() - messages * 300_000}.${Number.MAX_SAFE_INTEGER}`;
const inbox = { inMailbox: "m1" };
const cases: [string, () => Promise<unknown>][] = [
  ["nothing: a page that needs no mail", () => look("/manifest.webmanifest")],
  ["inbox, first page", () => look("/")],
  ["inbox, in the midst", () => look(deep)],
  ["a conversation", () => look(`/thread/t${1 + Math.floor((random() * messages) / 2)}?from=/`)],
  ["search: a word in most messages", () => look(`/search?q=${often}`)],
  ["search: a word in half of them", () => look(`/search?q=${vocabulary[40]}`)],
  ["search: a seldom word", () => look(`/search?q=${seldom}`)],
  ["search: two words", () => look(`/search?q=${vocabulary[2]}+${vocabulary[60]}`)],
  ["search: a word from a sender", () => look(`/search?q=${often}+from:sender7`)],
  ["search: in the archive, before a day", () => look(`/search?q=in:archive+${often}+before:2026-06-01`)],
  ["search: with an attachment, no word", () => look("/search?q=has:attachment")],
  ["JMAP: inbox, first page", () => query(inbox)],
  ["JMAP: inbox, position 20,000", () => query(inbox, 20_000)],
  ["JMAP: a word in most messages", () => query({ text: often })],
  ["JMAP: a seldom word in the inbox", () => query({ text: seldom, ...inbox })],
];
const only = process.argv[3];
const table: Record<string, { "p50 ms": string; "p95 ms": string; "processor, ms": string }> = {};
for (const [name, work] of cases) {
  if (only !== undefined && !name.includes(only)) continue;
  for (let round = 0; round < 10; round += 1) await work();
  const times: number[] = [];
  const own = ownTime();
  for (let round = 0; round < rounds; round += 1) {
    const begun = performance.now();
    await work();
    times.push(performance.now() - begun);
  }
  const processor = ((ownTime() - own) / rounds).toFixed(1);
  times.sort((one, other) => one - other);
  const at = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(1);
  table[name] = { "p50 ms": at(0.5), "p95 ms": at(0.95), "processor, ms": processor };
}
console.table(table);
client.close();
await server.close();
rmSync(join(dataDir, ".."), { recursive: true, force: true });
