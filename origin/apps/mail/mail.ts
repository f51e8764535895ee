import { join } from "node:path";
import { Hono } from "hono";
import type { App, AppContext } from "../../app.ts";
import type { MailConfig } from "../../config/config.ts";
import { hostNamed } from "../../config/hosts.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { openBlobStore } from "../../storage/blobs.ts";
import { createKeptBlobs } from "../../storage/kept-blobs.ts";
import { methodTables } from "./jmap/method-tables.ts";
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
import { createIdentityStore } from "./sending/identity-store.ts";
import { createSubscriptionStore } from "./sending/push-subscription-store.ts";
import { createSubmissionStore } from "./sending/submission-store.ts";
import { createVacationStore } from "./sending/vacation-store.ts";
import { mailMigrations } from "./store/migrations.ts";
import { mountWebmail } from "./webmail/mount-webmail.ts";

/** What relays take, commonly. */
const largestSent = 25_000_000;
const hourMs = 60 * 60 * 1000;
const longestDelayS = 30 * 24 * 60 * 60;

/** Mailboxes for members, without a mail server: what arrives is fetched, what leaves goes by the owner's relay. */
export function createMailApp(context: AppContext, config: MailConfig): App {
  const mail = createMailContext(context, config);
  const routes = new Hono<HttpEnv>();
  const tables = methodTables(mail);
  mountJmap(routes, mail, tables);
  const signInHost = hostNamed(context.config.hosts, "id");
  const webmail = mountWebmail(routes, mail, { tables, signInHost });
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
    async close() {
      clearInterval(hourly);
      mail.streams.closeAll();
      await mail.reader.close();
      await webmail.close();
      await mail.blobs.close();
    },
  };
}

/** What a crash or a restore has left, and uploads whose time is over. */
async function tidyBlobs(mail: MailContext): Promise<void> {
  await mail.blobs.searchAfterRestore();
  await mail.uploads.expire();
  await mail.blobs.collect();
}

function createMailContext(context: AppContext, config: MailConfig): MailContext {
  const { log, members, gate, guesses, alerts, outbound, now } = context;
  const database = context.openDatabase("mail", mailMigrations);
  const blobs = createKeptBlobs({
    database,
    blobs: openBlobStore(join(context.config.dataDir, "mail-blobs")),
    tables: { blobs: "mail_blobs", search: "mail_blob_search" },
    onError: (error) => log.error("mail.collect-failed", { error }),
  });
  const changes = createChanges(database);
  const threads = createThreadStore(database, changes);
  const addresses = createAddresses(members, config.domain);
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
    mailboxes: createMailboxStore(database, changes),
    threads,
    emails: createEmailStore(database, changes, threads),
    uploads: createUploadStore(database, blobs, now),
    addresses,
    identities: createIdentityStore(database, changes, addresses),
    submissions: createSubmissionStore(database, changes),
    vacations: createVacationStore(database, changes),
    subscriptions: createSubscriptionStore(database, now),
    streams: createStreams(members),
    largestSent,
    longestDelayS,
    collectSoon: () => void blobs.collect().catch((error) => log.error("mail.collect-failed", { error })),
  };
}
