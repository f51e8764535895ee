import { join } from "node:path";
import { Hono } from "hono";
import type { App, AppContext } from "../../app.ts";
import type { MailConfig } from "../../config/config.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { openBlobStore } from "../../storage/blobs.ts";
import { createKeptBlobs } from "../../storage/kept-blobs.ts";
import type { MailContext } from "./mail-context.ts";
import { createChanges } from "./mailbox/changes.ts";
import { createEmailStore } from "./mailbox/email-store.ts";
import { createMailboxStore } from "./mailbox/mailbox-store.ts";
import { createThreadStore } from "./mailbox/thread-store.ts";
import { createMessageReader } from "./message/message-reader.ts";
import { mailMigrations } from "./store/migrations.ts";

/** Mailboxes for members, without a mail server: what arrives is fetched, what leaves goes by the owner's relay. */
export function createMailApp(context: AppContext, config: MailConfig): App {
  const mail = createMailContext(context, config);
  const routes = new Hono<HttpEnv>();

  return {
    name: "mail",
    host: "mail",
    routes,
    backup: { databases: ["mail"], blobs: ["mail-blobs"] },
    async close() {
      await mail.reader.close();
      await mail.blobs.close();
    },
  };
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
  };
}
