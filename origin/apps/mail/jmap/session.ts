import { createHash } from "node:crypto";
import type { MailContext } from "../mail-context.ts";
import { accountIdOf } from "./account.ts";
import { emailSortOptions } from "./email-query.ts";
import { mostMailboxesPerEmail } from "./email-metadata.ts";
import { mailboxLimits } from "./mailbox-methods.ts";
import { type JmapUser, limits } from "./method.ts";
import { collations } from "./query-window.ts";

/** The session object (RFC 8620 §2). `base`: the origin that the client asked, without a slash at its end. */
export function describeSession(mail: MailContext, user: JmapUser, base: string): Record<string, unknown> {
  const accountId = accountIdOf(user.account);
  const core = { ...limits, collationAlgorithms: collations };
  const submission = {
    maxDelayedSend: mail.longestDelayS,
    submissionExtensions: { FUTURERELEASE: [], SIZE: [] },
  };
  const session = {
    capabilities: {
      "urn:ietf:params:jmap:core": core,
      "urn:ietf:params:jmap:mail": {},
      "urn:ietf:params:jmap:submission": {},
      "urn:ietf:params:jmap:vacationresponse": {},
    },
    accounts: {
      [accountId]: {
        name: user.address,
        isPersonal: true,
        isReadOnly: false,
        accountCapabilities: {
          "urn:ietf:params:jmap:core": {},
          "urn:ietf:params:jmap:mail": {
            maxMailboxesPerEmail: mostMailboxesPerEmail,
            maxMailboxDepth: mailboxLimits.depth,
            maxSizeMailboxName: mailboxLimits.nameBytes,
            maxSizeAttachmentsPerEmail: limits.maxSizeUpload,
            emailQuerySortOptions: emailSortOptions,
            mayCreateTopLevelMailbox: true,
          },
          "urn:ietf:params:jmap:submission": submission,
          "urn:ietf:params:jmap:vacationresponse": {},
        },
      },
    },
    primaryAccounts: {
      "urn:ietf:params:jmap:core": accountId,
      "urn:ietf:params:jmap:mail": accountId,
      "urn:ietf:params:jmap:submission": accountId,
      "urn:ietf:params:jmap:vacationresponse": accountId,
    },
    username: user.address,
    apiUrl: `${base}/jmap/api`,
    downloadUrl: `${base}/jmap/download/{accountId}/{blobId}/{name}?type={type}`,
    uploadUrl: `${base}/jmap/upload/{accountId}`,
    eventSourceUrl: `${base}/jmap/eventsource?types={types}&closeafter={closeafter}&ping={ping}`,
  };
  const state = createHash("sha256").update(JSON.stringify(session)).digest("base64url").slice(0, 16);
  return { ...session, state };
}
