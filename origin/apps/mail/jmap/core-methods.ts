import type { MailContext } from "../mail-context.ts";
import { accountIdOf, accountOf } from "./account.ts";
import { invalid } from "./arguments.ts";
import { MethodError } from "./jmap-error.ts";
import type { MethodTable } from "./method.ts";
import { subscriptionMethods } from "./push-subscription.ts";

/** Core/echo, Blob/copy and PushSubscription/* (RFC 8620 §4, §6.3, §7.2). */
export function coreMethods(mail: MailContext): MethodTable["methods"] {
  return {
    "Core/echo": ({ args }) => args.all(),
    "Blob/copy"(call) {
      const from = call.args.text("fromAccountId");
      const blobIds = call.args.optionalTexts("blobIds");
      if (!blobIds) throw invalid("blobIds", "must be given, as a list of ids");
      if (from === call.args.text("accountId")) {
        return {
          fromAccountId: from,
          accountId: accountIdOf(accountOf(call)),
          copied: Object.fromEntries(blobIds.map((id) => [id, id])),
          notCopied: null,
        };
      }
      accountOf(call, "fromAccountId");
      throw new MethodError("accountNotFound", "There is no such account of yours.");
    },
    ...subscriptionMethods(mail),
  };
}
