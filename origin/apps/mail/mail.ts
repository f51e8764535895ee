import { join } from "node:path";
import { Hono } from "hono";
import type { App, AppContext } from "../../app.ts";
import type { MailConfig } from "../../config/config.ts";
import { hostNamed } from "../../config/hosts.ts";
import { readDkimKey, type SigningKey } from "../../config/dkim-key.ts";
import type { Secrets } from "../../config/secrets.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { openBlobStore } from "../../storage/blobs.ts";
import { createKeptBlobs } from "../../storage/kept-blobs.ts";
import { methodTables } from "./jmap/method-tables.ts";
import { createAliasStore } from "./delivery/alias-store.ts";
import { checkHandOvers, checkNames } from "./delivery/check-delivery.ts";
import { createAuthenticator } from "./delivery/authenticator.ts";
import { createResolve, refuseToResolve } from "./delivery/dns-lookup.ts";
import { createHandOvers, forgetHandOvers } from "./delivery/hand-over.ts";
import { createJudgedSenders } from "./delivery/judged-senders.ts";
import { createRuleStore } from "./delivery/rule-store.ts";
import { createToldSenders } from "./delivery/vacation-reply.ts";
import { createVerdictStore } from "./delivery/verdict-store.ts";
import { followMembers } from "./follow-members.ts";
import { createArriving } from "./arriving/arriving.ts";
import { checkArriving } from "./arriving/check-arriving.ts";
import { mountDoor } from "./arriving/mount-door.ts";
import { ownersRoutes } from "./arriving/owners-routes.ts";
import { mountAliases } from "./delivery/mount-aliases.ts";
import { createDelivery } from "./delivery/deliver.ts";
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
import { checkSending } from "./doctor/check-sending.ts";
import { accountIdOf, stateOf } from "./jmap/account.ts";
import { formatId } from "./jmap/ids.ts";
import { startPush } from "./push/push.ts";
import { createIdentityStore } from "./sending/identity-store.ts";
import { createSubscriptionStore } from "./sending/push-subscription-store.ts";
import { mountOutbox } from "./sending/mount-outbox.ts";
import { startQueue } from "./sending/queue.ts";
import { createQueueStore } from "./sending/queue-store.ts";
import { createRelay } from "./sending/relay.ts";
import { createSubmissionStore } from "./sending/submission-store.ts";
import { createVacationStore } from "./sending/vacation-store.ts";
import { mailMigrations } from "./store/migrations.ts";
import { mountWebmail } from "./webmail/mount-webmail.ts";

/** What relays take, commonly. */
const largestSent = 25_000_000;
const hourMs = 60 * 60 * 1000;
const longestDelayS = 30 * 24 * 60 * 60;

/**
 * Mailboxes for members, without a mail server: what arrives is fetched, what leaves goes by the owner's relay. Two
 * apps: mail itself, and what the owner asks of it among the owner's other operations.
 */
export function createMailApps(
  context: AppContext,
  config: MailConfig,
  secrets: Pick<Secrets, "readOptional"> & { readonly bucketSecret: string | undefined },
): App[] {
  const mail = createMailContext(context, config);
  const delivery = createDelivery(mail);
  const arriving = createArriving(mail, { delivery, bucketSecret: secrets.bucketSecret });
  const routes = new Hono<HttpEnv>();
  const tables = methodTables(mail);
  mountJmap(routes, mail, tables);
  const signInHost = hostNamed(context.config.hosts, "id");
  const webmail = mountWebmail(routes, mail, { tables, signInHost });
  mountDoor(routes, { addresses: mail.addresses, arriving });
  const relay =
    config.relay &&
    createRelay({
      relay: config.relay,
      domain: config.domain,
      password: secrets.readOptional("mail-relay-password"),
      outbound: mail.outbound,
    });
  const readKey = (): SigningKey | undefined => signingKey(config, secrets);
  const cacheDir = join(blobFolder(context), "incoming");
  const queue = startQueue(mail, { delivery, relay, readKey, cacheDir });
  const tidy = (): void => {
    tidyBlobs(mail).catch((error: unknown) => context.log.error("mail.tidy-failed", { error }));
  };
  tidy();
  const following = followMembers(mail);
  const hourly = setInterval(tidy, hourMs).unref();
  arriving.start();

  const ownersApi = ownersRoutes(mail, arriving, context.config);
  mountAliases(ownersApi, mail);
  mountOutbox(ownersApi, mail, queue);
  const owners: App = {
    name: "mail-admin",
    host: "apex",
    routes: ownersApi,
    backup: { databases: [], blobs: [] },
  };
  const app: App = {
    name: "mail",
    host: "mail",
    routes,
    backup: { databases: ["mail"], blobs: ["mail-blobs"] },
    doctor: async () => [
      ...(await checkArriving(mail, arriving)),
      ...(context.config.mode === "production" ? [await checkNames(createResolve(), config.domain)] : []),
      ...checkHandOvers(mail),
      ...(await checkSending({ mail, relay, mode: context.config.mode, key: readKey })),
    ],
    async close() {
      clearInterval(hourly);
      // Before what they work with.
      await arriving.close();
      await queue.close();
      await mail.push.close();
      await following.close();
      mail.streams.closeAll();
      await mail.reader.close();
      await webmail.close();
      await mail.authenticator.close();
      await mail.handOvers?.close();
      await mail.blobs.close();
    },
  };
  return [app, owners];
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
  if (!mail.handOvers) await forgetHandOvers(mail.database);
  await mail.blobs.collect();
}

export function createMailContext(context: AppContext, config: MailConfig): MailContext {
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
