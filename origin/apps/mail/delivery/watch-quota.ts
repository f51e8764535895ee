import type { Transaction } from "../../../storage/writer.ts";
import type { MailContext } from "../mail-context.ts";
import { composeMessage } from "../message/compose.ts";
import { newPart } from "../message/new-part.ts";

/**
 * Tells the owner and the member when a mailbox is full. What arrives is filed nevertheless: a stranger's letter, which
 * nobody could send again, is no place to save room.
 */
export interface QuotaWatch {
  /** Inside the write that has added so many bytes to an account. */
  look(transaction: Transaction, account: number, added: number): void;
}

type Parts = Pick<
  MailContext,
  "addresses" | "alerts" | "blobs" | "config" | "emails" | "log" | "mailboxes" | "members" | "now" | "reader"
>;

export function watchQuota(mail: Parts): QuotaWatch {
  const { alerts, config, emails, log, members } = mail;
  /** Whether it was full when somebody looked last. */
  const known = new Map<number, boolean>();
  return {
    look(transaction, account, added) {
      const bytes = emails.bytesOf(account);
      const isFull = bytes > config.quota;
      const name = members.get(account)?.name ?? String(account);
      const id = `mail-full:${name}`;
      transaction.afterCommit(() => {
        if (isFull && bytes - added <= config.quota)
          tellMember(mail, account).catch((error: unknown) => log.warn("mail.not-told", { error }));
        if (known.get(account) === isFull) return;
        known.set(account, isFull);
        if (!isFull) return alerts.clear(id);
        alerts.raise({
          id,
          severity: "warning",
          title: "A mailbox is full",
          detail: `${name} has ${megabytes(bytes)} MB of mail, more than the ${megabytes(config.quota)} MB of mail.quota. What arrives is still kept, but ${name} can save no drafts. Ask them to empty the trash, or give more room: burrow config set mail.quota BYTES`,
        });
      });
    },
  };
}

const largestNote = 100_000;

/** By the way that they look at anyway. */
async function tellMember(mail: Parts, account: number): Promise<void> {
  const { addresses, blobs, config, emails, mailboxes, now, reader } = mail;
  const [to = ""] = addresses.of(account);
  const text = `Your mailbox is full: it holds more than ${megabytes(config.quota)} MB. What arrives is still kept, but you can save no drafts.\n\nDelete what is large and empty the trash, or ask whoever runs this server for more room.\n`;
  const raw = composeMessage(
    {
      fields: [
        {
          name: "From",
          value: { form: "addresses", value: [{ name: "Burrow", email: `postmaster@${config.domain}` }] },
        },
        { name: "To", value: { form: "addresses", value: [{ name: null, email: to }] } },
        { name: "Subject", value: { form: "text", value: "Your mailbox is full" } },
        { name: "Auto-Submitted", value: { form: "raw", value: "auto-generated" } },
      ],
      root: newPart("text/plain", text),
    },
    { domain: config.domain, now: now() },
  );
  const bytes = Buffer.concat(await raw.toArray());
  const message = await reader.read(bytes);
  await blobs.put(bytes, largestNote, (blob, transaction) => {
    const inbox = mailboxes.byRole(account, "inbox");
    if (!inbox) return;
    emails.add(transaction, {
      account,
      blob,
      message,
      mailboxes: [inbox.id],
      keywords: [],
      receivedAt: now(),
    });
  });
}

const megabytes = (bytes: number): number => Math.round(bytes / 1_000_000);
