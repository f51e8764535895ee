import { randomBytes } from "node:crypto";
import type { MailContext } from "../mail-context.ts";
import { resolveId } from "./account.ts";
import { checkProperties } from "./account.ts";
import { isObject, isTexts } from "./arguments.ts";
import { formatUtc } from "./email-get.ts";
import { pick } from "./get.ts";
import { formatId, parseId } from "./ids.ts";
import { invalidProperties, SetError } from "./jmap-error.ts";
import type { Call, MethodTable } from "./method.ts";
import { applyPatch } from "./set.ts";
import { areKeys } from "../push/push-message.ts";
import type { SubscriptionRow } from "../sending/push-subscription-store.ts";

/** `url` and `keys` are never told (RFC 8620 §7.2). */
const properties = ["id", "deviceClientId", "verificationCode", "expires", "types"];
const mostSubscriptions = 20;
const longestMs = 7 * 24 * 60 * 60 * 1000;

/** PushSubscription/* (RFC 8620 §7.2): not of an account, but of whoever asks. */
export function subscriptionMethods(mail: MailContext): MethodTable["methods"] {
  return {
    "PushSubscription/get"(call) {
      const ids = call.args.optionalTexts("ids");
      const wanted = call.args.optionalTexts("properties") ?? properties;
      call.args.end();
      checkProperties(wanted, (name) => properties.includes(name));
      const rows = mail.subscriptions.list(call.user.account);
      const named = ids?.map((id) => ({
        id,
        row: rows.find((row) => formatId("subscription", row.id) === id),
      }));
      const found = named?.flatMap(({ row }) => row ?? []) ?? rows;
      return {
        list: found.map((row) => ({
          id: formatId("subscription", row.id),
          ...describe(row, new Set(wanted)),
        })),
        notFound: named?.filter(({ row }) => !row).map(({ id }) => id) ?? [],
      };
    },
    "PushSubscription/set": (call) => setSubscriptions(mail, call),
  };
}

function describe(row: SubscriptionRow, wanted: ReadonlySet<string>): Record<string, unknown> {
  return pick(wanted, {
    deviceClientId: () => row.device,
    verificationCode: () => (row.verified === 1 ? row.code : null),
    expires: () => formatUtc(row.expiresAt),
    types: () => (row.types === null ? null : (JSON.parse(row.types) as unknown)),
  });
}

async function setSubscriptions(mail: MailContext, call: Call): Promise<object> {
  const create = call.args.optionalObject("create") ?? {};
  const update = call.args.optionalObject("update") ?? {};
  const destroy = call.args.optionalTexts("destroy") ?? [];
  call.args.end();
  const outcome: {
    created: Record<string, object>;
    updated: Record<string, object | null>;
    destroyed: string[];
  } = { created: {}, updated: {}, destroyed: [] };
  const refused = { notCreated: {}, notUpdated: {}, notDestroyed: {} } as Record<
    string,
    Record<string, SetError>
  >;
  const attempt = async (kind: string, id: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof SetError)) throw error;
      (refused[kind] ??= {})[id] = error;
    }
  };
  for (const [creationId, object] of Object.entries(create)) {
    await attempt("notCreated", creationId, async () => {
      const row = await createSubscription(mail, call, object);
      call.createdIds.set(creationId, formatId("subscription", row.id));
      outcome.created[creationId] = {
        id: formatId("subscription", row.id),
        expires: formatUtc(row.expiresAt),
      };
    });
  }
  for (const [id, patch] of Object.entries(update)) {
    await attempt("notUpdated", id, async () => {
      outcome.updated[id] = await updateSubscription(mail, call, id, patch);
    });
  }
  for (const id of destroy) {
    await attempt("notDestroyed", id, async () => {
      const row = find(mail, call, id);
      await mail.subscriptions.remove(row.id);
      outcome.destroyed.push(id);
    });
  }
  const orNull = <T extends object>(value: T): T | null => (Object.keys(value).length === 0 ? null : value);
  return {
    created: orNull(outcome.created),
    updated: orNull(outcome.updated),
    destroyed: orNull(outcome.destroyed),
    notCreated: orNull(refused["notCreated"] ?? {}),
    notUpdated: orNull(refused["notUpdated"] ?? {}),
    notDestroyed: orNull(refused["notDestroyed"] ?? {}),
  };
}

function find(mail: MailContext, call: Call, id: string): SubscriptionRow {
  const number = parseId("subscription", resolveId(call, id));
  const row = mail.subscriptions.list(call.user.account).find((one) => one.id === number);
  if (!row) throw new SetError("notFound", "There is no such subscription.");
  return row;
}

async function createSubscription(mail: MailContext, call: Call, object: unknown): Promise<SubscriptionRow> {
  if (!isObject(object)) throw invalidProperties("A subscription is an object.");
  const { deviceClientId, url, keys = null } = object;
  if (typeof deviceClientId !== "string" || deviceClientId === "" || deviceClientId.length > 255)
    throw invalidProperties("deviceClientId must be given, as a text.", "deviceClientId");
  const target = typeof url === "string" && url.length <= 2048 ? URL.parse(url) : null;
  if (target?.protocol !== "https:") throw invalidProperties("url must be an https URL.", "url");
  if (
    keys !== null &&
    !(isObject(keys) && typeof keys["p256dh"] === "string" && typeof keys["auth"] === "string")
  )
    throw invalidProperties("keys must have p256dh and auth.", "keys");
  if (keys !== null && !areKeys(keys["p256dh"] as string, keys["auth"] as string))
    throw invalidProperties("keys are none that a message could be encrypted for.", "keys");
  if (mail.subscriptions.list(call.user.account).length >= mostSubscriptions)
    throw new SetError("overQuota", `At most ${mostSubscriptions} subscriptions.`);
  if (!mail.push.mayVerify(call.user.account))
    throw new SetError("rateLimit", "Too many subscriptions were made lately. Try again in an hour.");
  const row = await mail.subscriptions.insert({
    account: call.user.account,
    device: deviceClientId,
    url: target.href,
    keys: keys === null ? null : JSON.stringify(keys),
    code: randomBytes(24).toString("base64url"),
    expiresAt: readExpires(mail, object["expires"]),
    types: readTypes(object["types"]),
  });
  mail.push.verify(row);
  return row;
}

async function updateSubscription(
  mail: MailContext,
  call: Call,
  id: string,
  patch: unknown,
): Promise<object | null> {
  const row = find(mail, call, id);
  if (!isObject(patch)) throw new SetError("invalidPatch", "A patch is an object.");
  const before = { id, ...describe(row, new Set(properties)) } as Record<string, unknown>;
  const after = applyPatch(before, patch);
  const fixed = Object.keys(after).find(
    (name) =>
      !["verificationCode", "expires", "types"].includes(name) &&
      JSON.stringify(after[name]) !== JSON.stringify(before[name]),
  );
  if (fixed !== undefined) throw invalidProperties(`${fixed} does not change.`, fixed);
  const isSaid = Object.hasOwn(patch, "verificationCode");
  if (isSaid && after["verificationCode"] !== row.code)
    throw invalidProperties("That is not the code that was pushed.", "verificationCode");
  const expiresAt = Object.hasOwn(patch, "expires") ? readExpires(mail, after["expires"]) : row.expiresAt;
  await mail.subscriptions.update(row.id, {
    verified: isSaid || row.verified === 1,
    expiresAt,
    types: readTypes(after["types"]),
  });
  return formatUtc(expiresAt) === after["expires"] ? null : { expires: formatUtc(expiresAt) };
}

function readExpires(mail: MailContext, value: unknown): number {
  const longest = mail.now() + longestMs;
  if (value === undefined || value === null) return longest;
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time)) throw invalidProperties("expires must be a UTC date, or null.", "expires");
  return Math.min(time, longest);
}

function readTypes(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (!isTexts(value) || value.length > 50)
    throw invalidProperties("types must be a list of names, or null.", "types");
  return JSON.stringify(value);
}
