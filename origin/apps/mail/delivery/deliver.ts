import type { Arrival, Delivery } from "../arriving/arrival.ts";
import type { MailContext } from "../mail-context.ts";

/** Files each message with the member whom it is for. */
export function createDelivery(mail: Omit<MailContext, "delivery">): Delivery {
  return {
    async deliver({ hash, size, recipient, receivedAt }: Arrival, settle): Promise<void> {
      const account = mail.addresses.find(recipient);
      if (account === undefined) throw new Error("Nobody here has that address.");
      const message = await mail.reader.read(mail.blobs.pathOf(hash));
      await mail.database.write((transaction) => {
        mail.mailboxes.openAccount(transaction, account);
        const inbox = mail.mailboxes.byRole(account, "inbox");
        mail.emails.add(transaction, {
          account,
          blob: { hash, size },
          message,
          mailboxes: inbox ? [inbox.id] : [],
          keywords: [],
          receivedAt,
        });
        settle(transaction);
      });
    },
  };
}
