import type { MailContext } from "../mail-context.ts";
import type { Vacation } from "../sending/vacation-store.ts";
import { checkIfInState, stateOf, accountIdOf } from "./account.ts";
import { formatUtc } from "./email-get.ts";
import { answerGet, pick } from "./get.ts";
import { invalidProperties, SetError } from "./jmap-error.ts";
import type { Call, MethodTable } from "./method.ts";
import { applyPatch, readSetArguments } from "./set.ts";

const properties = ["id", "isEnabled", "fromDate", "toDate", "subject", "textBody", "htmlBody"];
const singleton = "singleton";

/** VacationResponse/* (RFC 8621 §8): there is one. */
export function vacationMethods(mail: MailContext): MethodTable["methods"] {
  return {
    "VacationResponse/get": (call) =>
      answerGet<Vacation>(mail, call, {
        type: "VacationResponse",
        properties,
        all: (account) => [mail.vacations.get(account)],
        find: (account, id) => (id === singleton ? mail.vacations.get(account) : undefined),
        idOf: () => singleton,
        describe: (rows, wanted) => rows.map((row) => describe(row, wanted)),
      }),
    "VacationResponse/set": (call) => setVacation(mail, call),
  };
}

function describe(row: Vacation, wanted: ReadonlySet<string>): Record<string, unknown> {
  return pick(wanted, {
    isEnabled: () => row.enabled === 1,
    fromDate: () => (row.fromDate === null ? null : formatUtc(row.fromDate)),
    toDate: () => (row.toDate === null ? null : formatUtc(row.toDate)),
    subject: () => row.subject,
    textBody: () => row.textBody,
    htmlBody: () => row.htmlBody,
  });
}

async function setVacation(mail: MailContext, call: Call): Promise<object> {
  const { account, create, update, destroy } = readSetArguments(call);
  call.args.optionalText("ifInState");
  call.args.end();
  const only = new SetError("singleton", "There is exactly one, which is neither made nor destroyed.");
  return await mail.database.write((transaction) => {
    const oldState = stateOf(mail, account, "VacationResponse");
    checkIfInState(call, oldState);
    const updated: Record<string, null> = {};
    const notUpdated: Record<string, SetError> = {};
    for (const [id, patch] of update) {
      try {
        if (id !== singleton) throw new SetError("notFound", "There is one, and its id is singleton.");
        const before = describe(mail.vacations.get(account), new Set(properties));
        mail.vacations.set(transaction, account, readVacation(applyPatch(before, patch)));
        updated[id] = null;
      } catch (error) {
        if (!(error instanceof SetError)) throw error;
        notUpdated[id] = error;
      }
    }
    const refuse = (ids: Iterable<string>): Record<string, SetError> | null => {
      const refused = Object.fromEntries([...ids].map((id) => [id, only]));
      return Object.keys(refused).length === 0 ? null : refused;
    };
    return {
      accountId: accountIdOf(account),
      oldState,
      newState: stateOf(mail, account, "VacationResponse"),
      created: null,
      updated: Object.keys(updated).length === 0 ? null : updated,
      destroyed: null,
      notCreated: refuse(create.keys()),
      notUpdated: Object.keys(notUpdated).length === 0 ? null : notUpdated,
      notDestroyed: refuse(destroy),
    };
  });
}

function readVacation(object: Record<string, unknown>): Vacation {
  const unknown = Object.keys(object).find((name) => !properties.includes(name));
  if (unknown !== undefined) throw invalidProperties(`${unknown} cannot be set.`, unknown);
  const { isEnabled } = object;
  if (typeof isEnabled !== "boolean")
    throw invalidProperties("isEnabled must be true or false.", "isEnabled");
  return {
    enabled: Number(isEnabled),
    fromDate: readDate(object, "fromDate"),
    toDate: readDate(object, "toDate"),
    subject: readText(object, "subject", 255),
    textBody: readText(object, "textBody", 100_000),
    htmlBody: readText(object, "htmlBody", 100_000),
  };
}

function readDate(object: Record<string, unknown>, name: string): number | null {
  const value = object[name] ?? null;
  if (value === null) return null;
  const time = typeof value === "string" && value.endsWith("Z") ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time)) throw invalidProperties(`${name} must be a UTC date, or null.`, name);
  return time;
}

function readText(object: Record<string, unknown>, name: string, longest: number): string | null {
  const value = object[name] ?? null;
  if (value !== null && (typeof value !== "string" || value.length > longest))
    throw invalidProperties(`${name} must be a text of at most ${longest} characters, or null.`, name);
  return value;
}
