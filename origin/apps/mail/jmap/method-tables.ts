import type { MailContext } from "../mail-context.ts";
import { coreMethods } from "./core-methods.ts";
import { emailMethods } from "./email-methods.ts";
import { identityMethods } from "./identity-methods.ts";
import { mailboxMethods } from "./mailbox-methods.ts";
import type { MethodTable } from "./method.ts";
import { submissionMethods } from "./submission-methods.ts";
import { threadMethods } from "./thread-methods.ts";
import { vacationMethods } from "./vacation-methods.ts";

/** Every method there is, for mail programs and for the webmail alike. */
export function methodTables(mail: MailContext): readonly MethodTable[] {
  return [
    { capability: "urn:ietf:params:jmap:core", methods: coreMethods(mail) },
    {
      capability: "urn:ietf:params:jmap:mail",
      methods: { ...mailboxMethods(mail), ...threadMethods(mail), ...emailMethods(mail) },
    },
    {
      capability: "urn:ietf:params:jmap:submission",
      methods: { ...identityMethods(mail), ...submissionMethods(mail) },
    },
    { capability: "urn:ietf:params:jmap:vacationresponse", methods: vacationMethods(mail) },
  ];
}
