import type { Arrival, Delivery } from "../arriving/arrival.ts";
import type { MailContext } from "../mail-context.ts";

/** Files each message with the member whom it is for. */
export function createDelivery(mail: MailContext): Delivery {
  const { addresses, blobs, database, emails, mailboxes, members, reader } = mail;
  return {
    async deliver({ hash, size, recipient, receivedAt }: Arrival, settle): Promise<void> {
      const owner = members.list().find(({ role }) => role === "owner");
      const account = addresses.find(recipient) ?? owner?.id;
      if (account === undefined) throw new Error("Nobody is there to have it.");
      const message = await reader.read(blobs.pathOf(hash));
      await database.write((transaction) => {
        mailboxes.openAccount(transaction, account);
        const inbox = mailboxes.byRole(account, "inbox");
        if (!inbox) throw new Error("There is no inbox.");
        const blob = { hash, size };
        emails.add(transaction, {
          account,
          blob,
          message,
          mailboxes: [inbox.id],
          keywords: [],
          receivedAt,
        });
        settle(transaction);
      });
    },
  };
}
