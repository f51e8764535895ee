import type { MailContext } from "../mail-context.ts";
import type { EmailFields } from "../mailbox/email-fields.ts";
import type { EmailRow } from "../mailbox/email-store.ts";
import type { NewSubmission, Recipient, SubmissionRow } from "../sending/submission-store.ts";
import { accountIdOf, accountOf, resolveId, stateOf } from "./account.ts";
import { invalid, isObject } from "./arguments.ts";
import { answerChanges, type Followed } from "./changes-method.ts";
import { findEmail, formatUtc } from "./email-get.ts";
import { passes, readFilter } from "./filter.ts";
import { answerGet, pick } from "./get.ts";
import { findIdentity } from "./identity-methods.ts";
import { formatBlobId, formatId, parseId } from "./ids.ts";
import { invalidProperties, MethodError, SetError } from "./jmap-error.ts";
import type { Call, MethodTable } from "./method.ts";
import { cutWindow, readSort, readWindow } from "./query-window.ts";
import { answerSet, applyPatch, readSetArguments } from "./set.ts";

const properties = [
  "id",
  "identityId",
  "emailId",
  "threadId",
  "envelope",
  "sendAt",
  "undoStatus",
  "deliveryStatus",
  "dsnBlobIds",
  "mdnBlobIds",
];

const mostRecipients = 500;
/** Recipients that one member may write to in a day (R4: a stolen session must not make of this server a source of spam). */
const mostRecipientsADay = 1000;
/** Nothing that could be another command, or a parameter, once it is said to a relay. */
const isAddress = /^[^\s@<>()[\],;:\\"\p{Cc}]+@[^\s@<>()[\],;:\\"\p{Cc}]+$/u;
const dayMs = 24 * 60 * 60 * 1000;

/** EmailSubmission/* (RFC 8621 §7): sending goes by the queue and the owner's relay. */
export function submissionMethods(mail: MailContext): MethodTable["methods"] {
  const followed: Followed = {
    type: "EmailSubmission",
    idKind: "submission",
    changedSince: (account, since, limit) => mail.submissions.changedSince(account, since, limit),
  };
  return {
    "EmailSubmission/get": (call) =>
      answerGet<SubmissionRow>(mail, call, {
        type: "EmailSubmission",
        properties,
        all: (account) => mail.submissions.list(account),
        find: (account, id) => findSubmission(mail, account, id),
        idOf: ({ id }) => formatId("submission", id),
        describe: (rows, wanted) => rows.map((row) => describe(mail, row, wanted)),
      }),
    "EmailSubmission/changes": (call) => answerChanges(mail, call, followed),
    "EmailSubmission/query": (call) => answerQuery(mail, call),
    "EmailSubmission/queryChanges"() {
      throw new MethodError("cannotCalculateChanges", "Ask the query anew.");
    },
    "EmailSubmission/set": (call) => setSubmissions(mail, call),
  };
}

function findSubmission(mail: MailContext, account: number, id: string): SubmissionRow | undefined {
  const number = parseId("submission", id);
  return number === undefined ? undefined : mail.submissions.get(account, number);
}

function describe(
  mail: MailContext,
  row: SubmissionRow,
  wanted: ReadonlySet<string>,
): Record<string, unknown> {
  const recipients = (): Recipient[] => mail.submissions.recipientsOf(row.id);
  return pick(wanted, {
    identityId: () => formatId("identity", row.identity),
    emailId: () => formatId("email", row.email),
    threadId: () => formatId("thread", row.thread),
    envelope: () => ({
      mailFrom: { email: row.mailFrom, parameters: null },
      rcptTo: recipients().map(({ address, parameters }) => ({
        email: address,
        parameters: parameters === null ? null : (JSON.parse(parameters) as unknown),
      })),
    }),
    sendAt: () => formatUtc(row.sendAt),
    undoStatus: () => row.undo,
    deliveryStatus: () =>
      Object.fromEntries(recipients().map((one) => [one.address, describeDelivery(mail, one)])),
    dsnBlobIds: () =>
      (JSON.parse(row.dsns) as string[]).map((hash) => formatBlobId({ hash, partId: undefined })),
    mdnBlobIds: () => [],
  });
}

/** RFC 8621 §7: what the relay said. That it took the message does not mean that it has arrived. */
function describeDelivery(mail: MailContext, { address, state, reply }: Recipient): object {
  const isHere = mail.addresses.resolve(address).kind !== "unknown";
  const delivered = {
    queued: "queued",
    sending: "queued",
    sent: isHere ? "yes" : "unknown",
    failed: "no",
    canceled: "no",
  } as const;
  return {
    smtpReply: reply === "" ? "250 2.0.0 Queued" : reply,
    delivered: delivered[state],
    displayed: "unknown",
  };
}

async function setSubmissions(mail: MailContext, call: Call): Promise<object> {
  const onUpdate = call.args.optionalObject("onSuccessUpdateEmail") ?? {};
  const onDestroy = call.args.optionalTexts("onSuccessDestroyEmail") ?? [];
  const given = readSetArguments(call);
  call.args.optionalText("ifInState");
  call.args.end();
  const { account } = given;
  await mail.identities.open(account, call.user.member.name);
  if (call.user.member.state === "suspended")
    throw new MethodError("forbidden", "A suspended member sends nothing.");
  const emailOf = new Map<string, string>();
  const outcome = await answerSet(mail, call, given, {
    type: "EmailSubmission",
    create(transaction, object, creationId) {
      const { submission, email } = readSubmission(mail, call, account, object);
      const id = mail.submissions.insert(transaction, account, submission);
      emailOf.set(`#${creationId}`, formatId("email", email.id));
      const row = mail.submissions.get(account, id) as SubmissionRow;
      const unknown = properties.filter((name) => !Object.hasOwn(object, name) || name === "sendAt");
      return { id: formatId("submission", id), ...describe(mail, row, new Set(unknown)) };
    },
    update(transaction, id, patch) {
      const row = findSubmission(mail, account, id);
      if (!row) throw new SetError("notFound", "There is no such submission.");
      const before = { id: formatId("submission", row.id), ...describe(mail, row, new Set(properties)) };
      const after = applyPatch(before, patch);
      const changed = properties.find(
        (name) =>
          name !== "undoStatus" &&
          JSON.stringify(after[name]) !== JSON.stringify((before as Record<string, unknown>)[name]),
      );
      if (changed !== undefined) throw invalidProperties(`${changed} does not change.`, changed);
      if (after["undoStatus"] !== row.undo) {
        if (after["undoStatus"] !== "canceled")
          throw invalidProperties("It can be canceled only.", "undoStatus");
        if (!mail.submissions.cancel(transaction, row))
          throw new SetError("cannotUnsend", "It is on its way already.");
      }
      emailOf.set(id, formatId("email", row.email));
      return null;
    },
    destroy(transaction, id) {
      const row = findSubmission(mail, account, id);
      if (!row) throw new SetError("notFound", "There is no such submission.");
      if (!mail.submissions.remove(transaction, row))
        throw new SetError("forbidden", "It has not been sent yet: cancel it first.");
      emailOf.set(id, formatId("email", row.email));
    },
  });
  followUp(call, emailOf, onUpdate, onDestroy);
  return outcome;
}

/** RFC 8621 §7.5: the emails of what succeeded are changed or destroyed by one implicit Email/set. */
function followUp(
  call: Call,
  emailOf: ReadonlyMap<string, string>,
  onUpdate: Readonly<Record<string, unknown>>,
  onDestroy: readonly string[],
): void {
  const update = Object.entries(onUpdate).flatMap(([key, patch]) => {
    const email = emailOf.get(key) ?? emailOf.get(resolveId(call, key));
    return email === undefined ? [] : [[email, patch] as const];
  });
  const destroy = onDestroy.flatMap((key) => emailOf.get(key) ?? emailOf.get(resolveId(call, key)) ?? []);
  if (update.length === 0 && destroy.length === 0) return;
  call.followWith("Email/set", {
    accountId: accountIdOf(call.user.account),
    ...(update.length > 0 && { update: Object.fromEntries(update) }),
    ...(destroy.length > 0 && { destroy }),
  });
}

function readSubmission(
  mail: MailContext,
  call: Call,
  account: number,
  object: Record<string, unknown>,
): { submission: NewSubmission; email: EmailRow } {
  const unknown = Object.keys(object).find((name) => !["identityId", "emailId", "envelope"].includes(name));
  if (unknown !== undefined) throw invalidProperties(`${unknown} cannot be set.`, unknown);
  const idOf = (name: string): string => {
    const value = object[name];
    if (typeof value !== "string") throw invalidProperties(`${name} must be given, as an id.`, name);
    return resolveId(call, value);
  };
  const identity = findIdentity(mail, account, idOf("identityId"));
  if (!identity) throw invalidProperties("There is no such identity.", "identityId");
  const email = findEmail(mail, account, idOf("emailId"));
  if (!email) throw invalidProperties("There is no such email.", "emailId");
  const fields = JSON.parse(email.fields) as EmailFields;
  checkSender(mail, account, email, fields);
  if (email.size > mail.largestSent)
    throw new SetError("tooLarge", `A message has at most ${mail.largestSent} bytes.`, {
      maxSize: mail.largestSent,
    });
  const { mailFrom, recipients, delayMs } = readEnvelope(
    mail,
    account,
    object["envelope"],
    identity.email,
    fields,
  );
  if (!isAddress.test(mailFrom))
    throw new SetError("forbiddenMailFrom", "The envelope's sender is no address that could be written to.");
  checkRecipients(mail, account, recipients);
  return {
    email,
    submission: {
      identity: identity.id,
      email: email.id,
      thread: email.thread,
      hash: email.hash,
      size: email.size,
      mailFrom,
      recipients,
      sendAt: mail.now() + delayMs,
    },
  };
}

/** R4: members send as themselves only. What is in the header counts as much as what is said to the relay. */
function checkSender(
  mail: MailContext,
  account: number,
  { hash }: EmailRow,
  { from, sender }: EmailFields,
): void {
  const { headers } = mail.emails.bodyOf(hash).root;
  // RFC 5322 §3.6. Of two, one is checked, and the other may be the one that is shown.
  for (const field of ["from", "sender"])
    if (headers.filter(({ name }) => name.toLowerCase() === field).length > 1)
      throw new SetError(
        "forbiddenFrom",
        "A message says once who writes it: in one From, and one Sender at most.",
      );
  const isOwn = (email: string): boolean => mail.addresses.find(email) === account;
  if (!from || from.length === 0 || [...from, ...(sender ?? [])].some(({ email }) => !isOwn(email))) {
    throw new SetError(
      "forbiddenFrom",
      `You write as ${mail.addresses.of(account).join(", ")} and as nobody else.`,
    );
  }
}

interface Envelope {
  readonly mailFrom: string;
  readonly recipients: readonly { address: string; parameters: string | null }[];
  readonly delayMs: number;
}

function readEnvelope(
  mail: MailContext,
  account: number,
  given: unknown,
  identity: string,
  fields: EmailFields,
): Envelope {
  if (given === undefined || given === null) {
    const all = [...(fields.to ?? []), ...(fields.cc ?? []), ...(fields.bcc ?? [])].map(({ email }) => email);
    const recipients = [...new Set(all)].map((address) => ({ address, parameters: null }));
    return { mailFrom: identity, recipients, delayMs: 0 };
  }
  if (!isObject(given) || !isObject(given["mailFrom"]) || !Array.isArray(given["rcptTo"]))
    throw invalidProperties("envelope must have mailFrom and rcptTo.", "envelope");
  const from = readAddress(given["mailFrom"]);
  if (mail.addresses.find(from.address) !== account)
    throw new SetError("forbiddenMailFrom", "The envelope's sender is not one of your addresses.");
  const seen = new Map(given["rcptTo"].map(readAddress).map((one) => [one.address, one]));
  return {
    mailFrom: from.address,
    recipients: [...seen.values()],
    delayMs: readDelay(mail, from.parameters),
  };
}

function readAddress(value: unknown): { address: string; parameters: string | null } {
  const { email, parameters = null } = isObject(value) ? value : {};
  if (typeof email !== "string" || !(parameters === null || isObject(parameters)))
    throw invalidProperties("An address of the envelope is an object with an email.", "envelope");
  return { address: email, parameters: parameters === null ? null : JSON.stringify(parameters) };
}

/** FUTURERELEASE (RFC 4865): in how many ms it is to be sent. */
function readDelay(mail: MailContext, parameters: string | null): number {
  const given = parameters === null ? {} : (JSON.parse(parameters) as Record<string, unknown>);
  const value = (name: string): string | undefined => {
    const key = Object.keys(given).find((one) => one.toUpperCase() === name);
    const found = key === undefined ? undefined : given[key];
    return typeof found === "string" ? found : undefined;
  };
  const [holdFor, holdUntil] = [value("HOLDFOR"), value("HOLDUNTIL")];
  if (holdFor === undefined && holdUntil === undefined) return 0;
  const seconds = holdFor === undefined ? (Date.parse(holdUntil ?? "") - mail.now()) / 1000 : Number(holdFor);
  if (!Number.isFinite(seconds) || seconds < 0 || seconds > mail.longestDelayS)
    throw invalidProperties(`A message is held for ${mail.longestDelayS} seconds at most.`, "envelope");
  return Math.round(seconds * 1000);
}

function checkRecipients(mail: MailContext, account: number, recipients: Envelope["recipients"]): void {
  if (recipients.length === 0)
    throw new SetError("noRecipients", "Nobody is named to whom it could be sent.");
  if (recipients.length > mostRecipients)
    throw new SetError("tooManyRecipients", `At most ${mostRecipients} recipients a message.`, {
      maxRecipients: mostRecipients,
    });
  const wrong = recipients.map(({ address }) => address).filter((address) => !isAddress.test(address));
  if (wrong.length > 0)
    throw new SetError("invalidRecipients", "Some of those are no addresses.", { invalidRecipients: wrong });
  const today = mail.submissions.recipientsSince(account, mail.now() - dayMs);
  if (today + recipients.length > mostRecipientsADay)
    throw new SetError(
      "forbiddenToSend",
      `That would be more than ${mostRecipientsADay} recipients within a day.`,
    );
}

function answerQuery(mail: MailContext, call: Call): object {
  const account = accountOf(call);
  const filter = readFilter(call, readCondition);
  const sort = readSort(call);
  const window = readWindow(call);
  call.args.end();
  const keys: Readonly<Record<string, (row: SubmissionRow) => number>> = {
    emailId: (row) => row.email,
    threadId: (row) => row.thread,
    sentAt: (row) => row.sendAt,
    sendAt: (row) => row.sendAt,
  };
  const rows = mail.submissions.list(account).filter((row) => passes(filter, (test) => test(row)));
  rows.sort((one, other) => {
    for (const { property, isAscending } of sort) {
      const key = Object.hasOwn(keys, property) ? keys[property] : undefined;
      if (!key) throw new MethodError("unsupportedSort", `Submissions are not sorted by ${property}.`);
      const order = key(one) - key(other);
      if (order !== 0) return isAscending ? order : -order;
    }
    return one.id - other.id;
  });
  return {
    accountId: accountIdOf(account),
    queryState: stateOf(mail, account, "EmailSubmission"),
    canCalculateChanges: false,
    ...cutWindow(
      rows.map(({ id }) => formatId("submission", id)),
      window,
    ),
  };
}

function readCondition(condition: Record<string, unknown>): (row: SubmissionRow) => boolean {
  const tests = Object.entries(condition).map(([name, value]): ((row: SubmissionRow) => boolean) => {
    const kinds = { identityIds: "identity", emailIds: "email", threadIds: "thread" } as const;
    if (name === "identityIds" || name === "emailIds" || name === "threadIds") {
      if (!Array.isArray(value)) throw invalid("filter", `has ${name} that are no list`);
      const kind = kinds[name];
      const numbers = new Set(value.map((id) => parseId(kind, id)));
      return (row) => numbers.has(row[kind]);
    }
    if (name === "undoStatus") return (row) => row.undo === value;
    if (name === "before" || name === "after") {
      const time = Date.parse(String(value));
      return (row) => (name === "before" ? row.sendAt < time : row.sendAt >= time);
    }
    throw new MethodError("unsupportedFilter", `Submissions are not found by ${name.slice(0, 100)}.`);
  });
  return (row) => tests.every((test) => test(row));
}
