import type { StoredBlob } from "../../../storage/blobs.ts";
import type { Transaction } from "../../../storage/writer.ts";
import type { Delivery } from "../arriving/arrival.ts";
import type { MailContext } from "../mail-context.ts";
import { fileMessage, type Readied } from "./file-message.ts";
import { judge } from "./judge-spam.ts";
import { watchQuota } from "./watch-quota.ts";
import { makeVacationReply, type VacationReply } from "./vacation-reply.ts";

/** A reply is a few words. */
const largestReply = 10_000_000;

/** What the delivery works with. */
type Parts = Pick<
  MailContext,
  | "addresses"
  | "alerts"
  | "authenticator"
  | "blobs"
  | "config"
  | "database"
  | "emails"
  | "handOvers"
  | "identities"
  | "judgedSenders"
  | "log"
  | "mailboxes"
  | "members"
  | "now"
  | "outgoing"
  | "reader"
  | "rules"
  | "toldSenders"
  | "vacations"
  | "verdicts"
>;

/** Files each message with the members whom it is for. */
export function createDelivery(mail: Parts): Delivery {
  const quota = watchQuota(mail);

  function file(
    transaction: Transaction,
    readied: Readied,
    reply?: { readonly due: VacationReply; readonly blob: StoredBlob },
  ): void {
    for (const account of readied.recipient.accounts) {
      const { isSpam, isTrashed } = fileMessage(mail, transaction, account, readied);
      quota.look(transaction, account, readied.arrival.size);
      handOver(transaction, account, readied);
      if (reply && !isSpam && !isTrashed) answer(transaction, account, reply);
    }
  }

  /** A local server knows members by their names: whose an alias is, is told to nobody but us. */
  function handOver(transaction: Transaction, account: number, { arrival, recipient }: Readied): void {
    const name = mail.members.get(account)?.name;
    if (!mail.handOvers || name === undefined) return;
    const tag = /^[\w.=-]+$/.test(recipient.tag ?? "") ? `+${recipient.tag}` : "";
    mail.handOvers.add(transaction, {
      ...arrival,
      account,
      recipient: `${name}${tag}@${mail.config.domain}`,
    });
  }

  function answer(
    transaction: Transaction,
    account: number,
    { due, blob }: { readonly due: VacationReply; readonly blob: StoredBlob },
  ): void {
    const now = mail.now();
    // Two messages of one sender may be on their way at once.
    if (mail.toldSenders.wasTold(account, due.recipient, now)) return;
    mail.toldSenders.note(account, due.recipient, now);
    mail.outgoing.queueAutomatic(transaction, { mailFrom: "", recipient: due.recipient, ...blob });
  }

  return {
    async deliver(arrival, settle) {
      const path = mail.blobs.pathOf(arrival.hash);
      const message = await mail.reader.read(path);
      const { addresses, authenticator, log } = mail;
      const { domain } = mail.config;
      const judgement = await judge(arrival, { path, message }, { authenticator, addresses, domain, log });
      const recipient = mail.addresses.resolve(arrival.recipient);
      const [account, ...others] = recipient.accounts;
      if (account === undefined)
        throw new Error("Nobody owns this server yet, so nobody can be given the mail. Claim it.");
      const readied: Readied = { arrival, message, recipient, judgement };
      // Nobody answers for a group, or for a name that is not theirs.
      const mayAnswer = others.length === 0 && recipient.kind !== "unknown";
      const due = mayAnswer ? makeVacationReply(mail, account, arrival, { message, judgement }) : undefined;
      if (due) {
        await mail.blobs.put(due.raw, largestReply, (blob, transaction) => {
          file(transaction, readied, { due, blob });
          settle(transaction);
        });
        return;
      }
      const write = (transaction: Transaction): void => {
        file(transaction, readied);
        settle(transaction);
      };
      await mail.database.write(write, { patient: true });
    },
  };
}
