import { join } from "node:path";
import type { AppContext } from "../../app.ts";
import type { MailConfig } from "../../config/config.ts";
import { openBlobStore } from "../../storage/blobs.ts";
import { createKeptBlobs } from "../../storage/kept-blobs.ts";
import { createAliasStore } from "./delivery/alias-store.ts";
import { createAuthenticator } from "./delivery/authenticator.ts";
import { createResolve, refuseToResolve } from "./delivery/dns-lookup.ts";
import { createHandOvers } from "./delivery/hand-over.ts";
import { createJudgedSenders } from "./delivery/judged-senders.ts";
import { createRuleStore } from "./delivery/rule-store.ts";
import { createToldSenders } from "./delivery/vacation-reply.ts";
import { createVerdictStore } from "./delivery/verdict-store.ts";
import { accountIdOf, stateOf } from "./jmap/account.ts";
import { formatId } from "./jmap/ids.ts";
import { createStreams } from "./jmap/streams.ts";
import type { MailContext } from "./mail-context.ts";
import { createAddresses } from "./mailbox/addresses.ts";
import { createChanges } from "./mailbox/changes.ts";
import { createEmailStore } from "./mailbox/email-store.ts";
import { createMailboxStore } from "./mailbox/mailbox-store.ts";
import { createThreadStore } from "./mailbox/thread-store.ts";
import { createUploadStore } from "./mailbox/upload-store.ts";
import { createMessageReader } from "./message/message-reader.ts";
import { startPush } from "./push/push.ts";
import { createIdentityStore } from "./sending/identity-store.ts";
import { createSubscriptionStore } from "./sending/push-subscription-store.ts";
import { createQueueStore } from "./sending/queue-store.ts";
import { createSubmissionStore } from "./sending/submission-store.ts";
import { createVacationStore } from "./sending/vacation-store.ts";
import { mailMigrations } from "./store/migrations.ts";

/** What relays take, commonly. */
const largestSent = 25_000_000;
const longestDelayS = 30 * 24 * 60 * 60;

/** The folder of mail's blobs. */
export const mailBlobs = ({ config }: AppContext): string => join(config.dataDir, "mail-blobs");

/** Opens the stores of mail and what works with them. Whoever calls it closes them. */
export function createMailContext(context: AppContext, config: MailConfig): MailContext {
  const { log, members, gate, guesses, alerts, outbound, now } = context;
  const database = context.openDatabase("mail", mailMigrations);
  const blobs = createKeptBlobs({
    database,
    blobs: openBlobStore(mailBlobs(context)),
    tables: { blobs: "mail_blobs", search: "mail_blob_search" },
    onError: (error) => log.error("mail.collect-failed", { error }),
  });
  const changes = createChanges(database);
  const threads = createThreadStore(database, changes);
  const mailboxes = createMailboxStore(database, changes);
  const emails = createEmailStore(database, changes, threads);
  const aliases = createAliasStore(database);
  const addresses = createAddresses(members, aliases, config.domain);
  const judgedSenders = createJudgedSenders(database, mailboxes);
  emails.onMove((email, before, after) => judgedSenders.learn(email, before, after));
  const subscriptions = createSubscriptionStore(database, now);
  const outbox = createQueueStore(database, changes, now);
  const isLive = context.config.mode === "production";
  return {
    log,
    members,
    gate,
    guesses,
    alerts,
    outbound,
    now,
    serverName: context.config.serverName,
    config,
    database,
    blobs,
    reader: createMessageReader(),
    changes,
    mailboxes,
    threads,
    emails,
    uploads: createUploadStore(database, blobs, now),
    addresses,
    aliases,
    rules: createRuleStore(database),
    verdicts: createVerdictStore(database),
    judgedSenders,
    // A development folder's mail is its own: no name server is asked of it.
    authenticator: createAuthenticator(isLive ? createResolve() : refuseToResolve),
    toldSenders: createToldSenders(database),
    handOvers: config.lmtp && createHandOvers({ database, blobs, target: config.lmtp, now, log }),
    outbox,
    outgoing: outbox,
    identities: createIdentityStore(database, changes, addresses),
    submissions: createSubmissionStore(database, changes),
    vacations: createVacationStore(database, changes),
    subscriptions,
    push: startPush(
      { changes, subscriptions, outbound, log, now },
      {
        subscriptionId: (id) => formatId("subscription", id),
        accountId: accountIdOf,
        state: (account, type) => stateOf({ changes }, account, type),
      },
    ),
    streams: createStreams(members),
    largestSent,
    longestDelayS,
    collectSoon: () => void blobs.collect().catch((error) => log.error("mail.collect-failed", { error })),
  };
}
