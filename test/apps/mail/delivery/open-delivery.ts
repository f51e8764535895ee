/** Delivery on real storage and real threads, without HTTP. Nothing is looked up but what a test puts into `names`. */
import { join } from "node:path";
import { createDelivery } from "../../../../origin/apps/mail/delivery/deliver.ts";
import { createAuthenticator } from "../../../../origin/apps/mail/delivery/authenticator.ts";
import type { Arrival } from "../../../../origin/apps/mail/arriving/arrival.ts";
import { createMessageReader } from "../../../../origin/apps/mail/message/message-reader.ts";
import { createMailContext } from "../../../../origin/apps/mail/create-mail-context.ts";
import type { Alert } from "../../../../origin/host/alerts/alert.ts";
import type { Role } from "../../../../origin/apps/mail/mailbox/mailbox-store.ts";
import { createMembers } from "../../../../origin/members/create-members.ts";
import { createKdf } from "../../../../origin/members/kdf.ts";
import { membersMigrations } from "../../../../origin/members/migrations.ts";
import { openDatabases } from "../../../../origin/storage/databases.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

export const password = "violet anchor biscuit lamp";

/** Starting a thread takes longer than most tests: those of one file share them, and what name servers say to them. */
const reader = createMessageReader();
let names = new Map<string, string[] | string>();
let asked: string[] = [];
const authenticator = createAuthenticator(async (name, type) => {
  asked.push(`${type} ${name}`);
  const answer = names.get(`${type} ${name}`) ?? "ENOTFOUND";
  if (typeof answer === "string") throw Object.assign(new Error(answer), { code: answer });
  return type === "TXT" ? answer.map((text) => [text]) : answer;
});

export async function openDelivery(
  t: { after(work: () => unknown): void },
  options: { quota?: number; owner?: boolean } = {},
) {
  const dataDir = join(temporaryFolder(t), "data");
  const databases = openDatabases(dataDir);
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const clock = { now: Date.parse("2026-11-30T08:00:00Z") };
  const members = createMembers({
    database: databases.open("members", membersMigrations),
    serverName: "example.org",
    now: () => clock.now,
    kdf: createKdf({ memory: 8, passes: 1 }),
  });
  if (options.owner !== false) await members.createOwner({ name: "ada", password });
  // `TXT example.com` → texts, or the code of a failure.
  names = new Map();
  asked = [];
  const raised: Alert[] = [];
  const context = createMailContext(
    {
      config: { dataDir, serverName: "example.org", mode: "production" },
      log,
      members,
      alerts: { raise: (alert: Alert) => void raised.push(alert), clear() {} },
      now: () => clock.now,
      openDatabase: (name: string, migrations: never) => databases.open(name, migrations),
    } as never,
    {
      domain: "example.org",
      quota: options.quota ?? 1_000_000_000,
      bucketUrl: "",
      bucketRegion: "",
      bucketKeyId: "",
      lmtp: undefined,
    } as never,
  );
  const sent: { mailFrom: string; recipient: string; hash: string }[] = [];
  const mail = {
    ...context,
    reader,
    authenticator,
    outgoing: {
      queueAutomatic: (_transaction: unknown, message: (typeof sent)[number]) => void sent.push(message),
    },
  };
  t.after(async () => {
    members.close();
    await mail.blobs.close();
    await databases.close();
  });
  const delivery = createDelivery(mail);
  /** As the drain does: the message is a blob that a row of the drain's needs. */
  const keepBlob = mail.database.prepare(
    "INSERT INTO uploads (account, hash, size, type, expires_at) VALUES (0, ?, ?, '', 0) ON CONFLICT DO NOTHING",
  );
  const releaseBlob = mail.database.prepare("DELETE FROM uploads WHERE account = 0 AND hash = ?");
  await mail.database.write(
    () => void mail.database.prepare("INSERT INTO accounts (id) VALUES (0) ON CONFLICT DO NOTHING").run(),
  );
  let made = 0;

  async function arrive(
    raw: string | Uint8Array | AsyncIterable<Uint8Array>,
    envelope: Partial<Arrival> = {},
  ): Promise<Arrival> {
    const bytes = typeof raw === "string" ? Buffer.from(raw.replaceAll(/\r?\n/g, "\r\n")) : raw;
    const { hash, size } = await mail.blobs.put(bytes, 100_000_000, (blob) => {
      keepBlob.run(blob.hash, blob.size);
      return blob;
    });
    made += 1;
    return {
      id: made,
      hash,
      size,
      mailFrom: "friend@example.com",
      recipient: "ada@example.org",
      receivedAt: clock.now,
      results: "mx.cloudflare.net; spf=pass (of friend) smtp.mailfrom=friend@example.com",
      ...envelope,
    };
  }

  /** Delivers; what it is called with is settled in the same commit. */
  async function deliver(raw: string | Uint8Array, envelope: Partial<Arrival> = {}): Promise<Arrival> {
    const arrival = await arrive(raw, envelope);
    await delivery.deliver(arrival, () => void releaseBlob.run(arrival.hash));
    return arrival;
  }

  const account = (name: string): number => members.find(name)!.id;
  const subjectsIn = (name: string, role: Role): (string | null)[] => {
    const box = mail.mailboxes.byRole(account(name), role);
    return box ? mail.emails.idsIn(box.id).map((id) => subjectOf(name, id)) : [];
  };
  const subjectOf = (name: string, id: number): string | null =>
    (JSON.parse(mail.emails.get(account(name), id)!.fields) as { subject: string | null }).subject;
  /** The newest email of a member's. */
  const newest = (name: string) =>
    mail.emails.get(account(name), mail.emails.hashesOf(account(name))[0]!.id)!;

  return {
    mail,
    members,
    delivery,
    clock,
    names,
    asked,
    raised,
    sent,
    account,
    arrive,
    deliver,
    releaseBlob,
    subjectsIn,
    newest,
  };
}

let letters = 0;

export function letter(fields: Record<string, string> = {}, body = "Hello."): string {
  const all = {
    From: "A Friend <friend@example.com>",
    To: "ada@example.org",
    Subject: "Tea",
    "Message-Id": `<letter-${(letters += 1)}@example.com>`,
    Date: "Mon, 30 Nov 2026 07:00:00 +0000",
    ...fields,
  };
  return `${Object.entries(all)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n")}\n\n${body}\n`;
}
