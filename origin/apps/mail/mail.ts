import { join } from "node:path";
import { Hono } from "hono";
import type { App, AppContext } from "../../app.ts";
import type { MailConfig } from "../../config/config.ts";
import { readDkimKey, type SigningKey } from "../../config/dkim-key.ts";
import type { Secrets } from "../../config/secrets.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { openBlobStore } from "../../storage/blobs.ts";
import { createKeptBlobs } from "../../storage/kept-blobs.ts";
import { createDelivery } from "./delivery/deliver.ts";
import { checkSending } from "./doctor/check-sending.ts";
import { accountIdOf, stateOf } from "./jmap/account.ts";
import { formatId } from "./jmap/ids.ts";
import { mountJmap } from "./jmap/mount-jmap.ts";
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
import { mountOutbox } from "./sending/mount-outbox.ts";
import { createSubscriptionStore } from "./sending/push-subscription-store.ts";
import { createQueueStore } from "./sending/queue-store.ts";
import { startQueue } from "./sending/queue.ts";
import { createRelay } from "./sending/relay.ts";
import { createSubmissionStore } from "./sending/submission-store.ts";
import { createVacationStore } from "./sending/vacation-store.ts";
import { mailMigrations } from "./store/migrations.ts";

/** What relays take, commonly. */
const largestSent = 25_000_000;
const hourMs = 60 * 60 * 1000;
const longestDelayS = 30 * 24 * 60 * 60;

/** Mailboxes for members, without a mail server: what arrives is fetched, what leaves goes by the owner's relay. */
export function createMailApp(
  context: AppContext,
  config: MailConfig,
  secrets: Pick<Secrets, "readOptional">,
): App {
  const mail = createMailContext(context, config);
  const routes = new Hono<HttpEnv>();
  mountJmap(routes, mail);
  const relay =
    config.relay &&
    createRelay({
      relay: config.relay,
      domain: config.domain,
      password: secrets.readOptional("mail-relay-password"),
      outbound: mail.outbound,
    });
  const queue = startQueue(mail, {
    relay,
    readKey: () => signingKey(config, secrets),
    cacheDir: join(blobFolder(context), "incoming"),
  });
  mountOutbox(routes, mail, queue);
  const tidy = (): void => {
    tidyBlobs(mail).catch((error: unknown) => context.log.error("mail.tidy-failed", { error }));
  };
  tidy();
  const hourly = setInterval(tidy, hourMs).unref();

  return {
    name: "mail",
    host: "mail",
    routes,
    backup: { databases: ["mail"], blobs: ["mail-blobs"] },
    doctor: () =>
      checkSending({ mail, relay, mode: context.config.mode, key: () => signingKey(config, secrets) }),
    async close() {
      clearInterval(hourly);
      await queue.close();
      await mail.push.close();
      mail.streams.closeAll();
      await mail.reader.close();
      await mail.blobs.close();
    },
  };
}

/** Undefined: the relay signs. Throws where the key that is to sign is missing. */
function signingKey(
  { dkimSelector }: MailConfig,
  secrets: Pick<Secrets, "readOptional">,
): SigningKey | undefined {
  if (dkimSelector === "") return undefined;
  const line = secrets.readOptional("mail-dkim-key");
  if (line === undefined)
    throw new Error('mail.dkim_selector is set and there is no key. Make it: "burrow mail dkim".');
  return readDkimKey(line, dkimSelector);
}

const blobFolder = ({ config }: AppContext): string => join(config.dataDir, "mail-blobs");

/** What a crash or a restore has left, and uploads whose time is over. */
async function tidyBlobs(mail: MailContext): Promise<void> {
  await mail.blobs.searchAfterRestore();
  await mail.uploads.expire();
  await mail.submissions.forgetOldCounts(mail.now() - 2 * 24 * hourMs);
  await mail.blobs.collect();
}

function createMailContext(context: AppContext, config: MailConfig): MailContext {
  const { log, members, gate, guesses, alerts, outbound, now } = context;
  const database = context.openDatabase("mail", mailMigrations);
  const blobs = createKeptBlobs({
    database,
    blobs: openBlobStore(blobFolder(context)),
    tables: { blobs: "mail_blobs", search: "mail_blob_search" },
    onError: (error) => log.error("mail.collect-failed", { error }),
  });
  const changes = createChanges(database);
  const threads = createThreadStore(database, changes);
  const addresses = createAddresses(members, config.domain);
  const subscriptions = createSubscriptionStore(database, now);
  const outbox = createQueueStore(database, changes, now);
  const base = {
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
    mailboxes: createMailboxStore(database, changes),
    threads,
    emails: createEmailStore(database, changes, threads),
    uploads: createUploadStore(database, blobs, now),
    addresses,
    identities: createIdentityStore(database, changes, addresses),
    submissions: createSubmissionStore(database, changes),
    outbox,
    outgoing: outbox,
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
  return { ...base, delivery: createDelivery(base) };
}
