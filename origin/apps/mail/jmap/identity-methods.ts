import type { MailContext } from "../mail-context.ts";
import type { IdentityRow, NewIdentity } from "../sending/identity-store.ts";
import type { EmailAddress } from "../message/header-forms.ts";
import { isObject } from "./arguments.ts";
import { answerChanges } from "./changes-method.ts";
import { answerGet, pick } from "./get.ts";
import { formatId, parseId } from "./ids.ts";
import { invalidProperties, SetError } from "./jmap-error.ts";
import type { Call, MethodTable } from "./method.ts";
import { answerSet, applyPatch, readSetArguments } from "./set.ts";

const properties = ["id", "name", "email", "replyTo", "bcc", "textSignature", "htmlSignature", "mayDelete"];
const mostIdentities = 100;
const longestText = 100_000;

/** Identity/* (RFC 8621 §6): as whom a member writes, which is one of the member's own addresses (R4). */
export function identityMethods(mail: MailContext): MethodTable["methods"] {
  return {
    "Identity/get": async (call) => {
      await mail.identities.open(call.user.account, call.user.member.name);
      return await answerGet<IdentityRow>(mail, call, {
        type: "Identity",
        properties,
        all: (account) => mail.identities.list(account),
        find: (account, id) => findIdentity(mail, account, id),
        idOf: ({ id }) => formatId("identity", id),
        describe: (rows, wanted) => rows.map((row) => describe(mail, row, wanted)),
      });
    },
    "Identity/changes": (call) =>
      answerChanges(mail, call, {
        type: "Identity",
        idKind: "identity",
        changedSince: (account, since, limit) => mail.identities.changedSince(account, since, limit),
      }),
    "Identity/set": (call) => setIdentities(mail, call),
  };
}

export function findIdentity(mail: MailContext, account: number, id: unknown): IdentityRow | undefined {
  const number = parseId("identity", id);
  return number === undefined ? undefined : mail.identities.get(account, number);
}

/** The one of the member's first address stays: without any nobody could write. */
const mayDelete = (mail: MailContext, row: IdentityRow): boolean =>
  mail.identities.list(row.account)[0]?.id !== row.id;

function describe(mail: MailContext, row: IdentityRow, wanted: ReadonlySet<string>): Record<string, unknown> {
  return pick(wanted, {
    name: () => row.name,
    email: () => row.email,
    replyTo: () => (row.replyTo === null ? null : (JSON.parse(row.replyTo) as unknown)),
    bcc: () => (row.bcc === null ? null : (JSON.parse(row.bcc) as unknown)),
    textSignature: () => row.textSignature,
    htmlSignature: () => row.htmlSignature,
    mayDelete: () => mayDelete(mail, row),
  });
}

async function setIdentities(mail: MailContext, call: Call): Promise<object> {
  await mail.identities.open(call.user.account, call.user.member.name);
  const given = readSetArguments(call);
  call.args.optionalText("ifInState");
  call.args.end();
  const { account } = given;
  return await answerSet(mail, call, given, {
    type: "Identity",
    create(transaction, object) {
      if (mail.identities.list(account).length >= mostIdentities)
        throw new SetError("overQuota", `There are ${mostIdentities} identities: that is all.`);
      const identity = readIdentity(mail, account, object);
      const id = mail.identities.insert(transaction, account, identity);
      const row = mail.identities.get(account, id) as IdentityRow;
      const unknown = properties.filter((name) => !Object.hasOwn(object, name));
      return { id: formatId("identity", id), ...describe(mail, row, new Set(unknown)) };
    },
    update(transaction, id, patch) {
      const row = findIdentity(mail, account, id);
      if (!row) throw new SetError("notFound", "There is no such identity.");
      const before = { id: formatId("identity", row.id), ...describe(mail, row, new Set(properties)) };
      const after = applyPatch(before, patch);
      for (const name of ["id", "email", "mayDelete"]) {
        if (after[name] !== (before as Record<string, unknown>)[name])
          throw invalidProperties(`${name} does not change.`, name);
      }
      const { id: _id, mayDelete: _mayDelete, ...object } = after;
      mail.identities.update(transaction, account, row.id, readIdentity(mail, account, object));
      return null;
    },
    destroy(transaction, id) {
      const row = findIdentity(mail, account, id);
      if (!row) throw new SetError("notFound", "There is no such identity.");
      if (!mayDelete(mail, row))
        throw new SetError("forbidden", "This one stays: nobody writes without any.");
      mail.identities.remove(transaction, row);
    },
  });
}

function readIdentity(mail: MailContext, account: number, object: Record<string, unknown>): NewIdentity {
  const unknown = Object.keys(object).find(
    (name) => !properties.includes(name) || name === "id" || name === "mayDelete",
  );
  if (unknown !== undefined) throw invalidProperties(`${unknown} cannot be set.`, unknown);
  const { email } = object;
  if (typeof email !== "string") throw invalidProperties("email must be given, as a text.", "email");
  const own = mail.addresses.of(account);
  if (mail.addresses.find(email) !== account)
    throw new SetError("forbiddenFrom", `You write as ${own.join(", ")} and as nobody else.`);
  return {
    email: email.toLowerCase(),
    name: readText(object, "name"),
    textSignature: readText(object, "textSignature"),
    htmlSignature: readText(object, "htmlSignature"),
    replyTo: readAddresses(object, "replyTo"),
    bcc: readAddresses(object, "bcc"),
  };
}

function readText(object: Record<string, unknown>, name: string): string {
  const value = object[name] ?? "";
  if (typeof value !== "string" || value.length > longestText)
    throw invalidProperties(`${name} must be a text of at most ${longestText} characters.`, name);
  return value;
}

function readAddresses(object: Record<string, unknown>, name: string): EmailAddress[] | null {
  const value = object[name] ?? null;
  if (value === null) return null;
  const isAddress = (entry: unknown): boolean =>
    isObject(entry) &&
    typeof entry["email"] === "string" &&
    (typeof entry["name"] === "string" || (entry["name"] ?? null) === null);
  if (!Array.isArray(value) || value.length > 100 || !value.every(isAddress))
    throw invalidProperties(`${name} must be a list of addresses, or null.`, name);
  return (value as { name?: string | null; email: string }[]).map((entry) => ({
    name: entry.name ?? null,
    email: entry.email,
  }));
}
