import { join } from "node:path";
import { Hono } from "hono";
import type { App, AppContext } from "../../app.ts";
import type { MailConfig } from "../../config/config.ts";
import { readDkimKey, type SigningKey } from "../../config/dkim-key.ts";
import { hostNamed } from "../../config/hosts.ts";
import type { Secrets } from "../../config/secrets.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { createArriving } from "./arriving/arriving.ts";
import { checkArriving } from "./arriving/check-arriving.ts";
import { mountDoor } from "./arriving/mount-door.ts";
import { ownersRoutes } from "./arriving/owners-routes.ts";
import { createMailContext, mailBlobs } from "./create-mail-context.ts";
import { checkHandOvers, checkNames } from "./delivery/check-delivery.ts";
import { createDelivery } from "./delivery/deliver.ts";
import { createResolve } from "./delivery/dns-lookup.ts";
import { forgetHandOvers } from "./delivery/hand-over.ts";
import { mountAliases } from "./delivery/mount-aliases.ts";
import { followMembers } from "./follow-members.ts";
import { methodTables } from "./jmap/method-tables.ts";
import { mountJmap } from "./jmap/mount-jmap.ts";
import type { MailContext } from "./mail-context.ts";
import { checkSending } from "./sending/check-sending.ts";
import { mountOutbox } from "./sending/mount-outbox.ts";
import { startQueue } from "./sending/queue.ts";
import { createRelay } from "./sending/relay.ts";
import { mountWebmail } from "./webmail/mount-webmail.ts";

const hourMs = 60 * 60 * 1000;

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
  const cacheDir = join(mailBlobs(context), "incoming");
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

/** What a crash or a restore has left, and uploads whose time is over. */
async function tidyBlobs(mail: MailContext): Promise<void> {
  await mail.blobs.searchAfterRestore();
  await mail.uploads.expire();
  await mail.submissions.forgetOldCounts(mail.now() - 2 * 24 * hourMs);
  if (!mail.handOvers) await forgetHandOvers(mail.database);
  await mail.blobs.collect();
}
