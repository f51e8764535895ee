/** Members who write and are written to, and a relay that keeps what leaves. */
import { setTimeout as pause } from "node:timers/promises";
import type { Check } from "../../../../origin/app.ts";
import { writeSecret } from "../../../../origin/config/secrets.ts";
import { createSignedClient } from "../../../support/signed-client.ts";
import { openMailHouse, type Program } from "../jmap/house.ts";
import { account, type RelaySink } from "./relay-sink.ts";

// oxlint-disable-next-line typescript/no-explicit-any -- answers of many shapes, each looked at by its test
type Any = any;

export const hourMs = 3_600_000;

export interface Letter {
  readonly to?: readonly string[];
  readonly bcc?: readonly string[];
  readonly subject?: string;
  readonly text?: string;
  /** Recipients of the envelope, where they are not those of the header. */
  readonly envelope?: object;
}

export async function openSendingHouse(
  t: { after(work: () => unknown): void },
  options: {
    sink?: RelaySink;
    settings?: string;
    password?: string;
    prepare?: (dataDir: string) => void;
  } = {},
) {
  const { sink, settings = "", password = account.password } = options;
  const clock = { ahead: 0 };
  const log: string[] = [];
  const relay = sink
    ? `relay_host = "127.0.0.1"\nrelay_port = ${sink.port}\nrelay_user = "${account.user}"\n`
    : "";
  const house = await openMailHouse(t, {
    settings: `[mail]\n${relay}${settings}`,
    now: () => Date.now() + clock.ahead,
    write: (line) => void log.push(line),
    prepare(dataDir) {
      writeSecret(dataDir, "mail-relay-password", password);
      options.prepare?.(dataDir);
    },
  });
  const ada = await house.program("ada");
  const ben = await house.program("ben");

  const send = (letter: Letter, who: Program = ada, name = "ada"): Promise<Any> =>
    sendLetter(who, name, letter);

  /** Octets of a message that was written elsewhere. */
  async function upload(text: string): Promise<{ blobId: string }> {
    const path = `/jmap/upload/${ada.accountId}`;
    return JSON.parse((await ada.ask({ method: "POST", path, body: Buffer.from(text, "latin1") })).text);
  }

  async function submission(id: string, who: Program = ada): Promise<Any> {
    return (await who.call("EmailSubmission/get", { ids: [id] })).list[0];
  }

  /** The submission once it is as it should be: what happens meanwhile is the queue's, and tells nobody here. */
  async function until(id: string, holds: (submission: Any) => boolean, who: Program = ada): Promise<Any> {
    for (;;) {
      const found = await submission(id, who);
      if (holds(found)) return found;
      await pause(10);
    }
  }

  /** The newest emails of a mailbox. */
  async function emailsIn(role: string, who: Program = ada): Promise<Any[]> {
    const { ids } = await who.call("Email/query", {
      filter: { inMailbox: (await boxesOf(who))[role] },
      sort: [{ property: "receivedAt", isAscending: false }],
    });
    const { list } = await who.call("Email/get", {
      ids,
      properties: [
        "id", "blobId", "threadId", "subject", "from", "to", "bcc", "keywords",
        "bodyValues", "textBody", "bodyStructure", "headers", "size",
      ], // biome-ignore format: as a list
      fetchAllBodyValues: true,
    });
    return list;
  }

  async function untilEmails(role: string, count: number, who: Program = ada): Promise<Any[]> {
    for (;;) {
      const found = await emailsIn(role, who);
      if (found.length >= count) return found;
      await pause(10);
    }
  }

  async function raw(blobId: string, who: Program = ada): Promise<Buffer> {
    const path = `/jmap/download/${who.accountId}/${blobId}/x`;
    return Buffer.from((await who.ask({ method: "GET", path })).text);
  }

  const owners = createSignedClient({
    origin: house.facts.url,
    edgeKey: house.facts.edgeKey,
    host: "burrow.localhost",
    now: () => Date.now() + clock.ahead,
  });
  t.after(() => owners.close());

  /** As the command line asks, with a ticket. */
  async function ask(method: string, path: string): Promise<{ status: number; answer: Any }> {
    const token = await house.members.createTicket();
    const asked = { method, path: `/_burrow/admin/v1/mail/queue${path}`, token };
    const { status, text } = await owners.request({ ...asked, ...(method === "POST" && { body: {} }) });
    return { status, answer: JSON.parse(text) };
  }

  /** The rows of these names. */
  async function doctor(...names: string[]): Promise<Check[]> {
    const rows = (await house.origin.apps.find(({ name }) => name === "mail")?.doctor?.()) ?? [];
    return rows.filter(({ name }) => names.includes(name));
  }

  return {
    ...house,
    doctor,
    owners,
    ada,
    ben,
    clock,
    log,
    send,
    submission,
    until,
    emailsIn,
    untilEmails,
    raw,
    upload,
    ask,
  };
}

export const replyTo = (submission: Any, address: string): string =>
  submission.deliveryStatus[address].smtpReply as string;
export const deliveredTo = (submission: Any, address: string): string =>
  submission.deliveryStatus[address].delivered as string;

async function boxesOf(who: Program): Promise<Record<string, string>> {
  const { list } = await who.call("Mailbox/get", { ids: null });
  return Object.fromEntries(list.map(({ role, id }: { role: string; id: string }) => [role, id]));
}

/** Writes a letter into the drafts and submits it, as programs do: it moves to Sent with that. */
export async function sendLetter(who: Program, name: string, letter: Letter): Promise<Any> {
  const { drafts = "", sent = "" } = await boxesOf(who);
  const { list } = await who.call("Identity/get", { ids: null });
  const addresses = (emails?: readonly string[]) => emails?.map((email) => ({ email }));
  const { accountId } = who;
  const email = {
    mailboxIds: { [drafts]: true },
    keywords: { $draft: true, $seen: true },
    from: [{ name: "", email: `${name}@burrow.localhost` }],
    ...(letter.to && { to: addresses(letter.to) }),
    ...(letter.bcc && { bcc: addresses(letter.bcc) }),
    subject: letter.subject ?? "hello",
    bodyValues: { b: { value: letter.text ?? "A line.\n.\nAnother line." } },
    textBody: [{ partId: "b" }],
  };
  const submission = {
    identityId: list[0].id,
    emailId: "#letter",
    ...(letter.envelope && { envelope: letter.envelope }),
  };
  const moves = {
    [`mailboxIds/${drafts}`]: null,
    [`mailboxIds/${sent}`]: true,
    "keywords/$draft": null,
  };
  const { methodResponses } = await who.send([
    ["Email/set", { accountId, create: { letter: email } }, "0"],
    [
      "EmailSubmission/set",
      { accountId, create: { one: submission }, onSuccessUpdateEmail: { "#one": moves } },
      "1",
    ],
  ]);
  const outcome = methodResponses.find(([, , call]: [string, Any, string]) => call === "1")[1];
  if (!outcome.created) throw new Error(JSON.stringify(methodResponses));
  return { id: outcome.created.one.id, emailId: methodResponses[0][1].created.letter.id };
}
