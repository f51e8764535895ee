import type { MailContext } from "../mail-context.ts";
import type { ObjectType } from "../mailbox/changes.ts";
import { accountIdOf, accountOf, checkProperties, resolveId, stateOf } from "./account.ts";
import { MethodError } from "./jmap-error.ts";
import { type Call, limits } from "./method.ts";

/** What `/get` of one kind of object needs (RFC 8620 §5.1). */
export interface Gettable<Row> {
  readonly type: ObjectType;
  /** Of the object, `id` among them. Those of `/get` without `properties`. */
  readonly properties: readonly string[];
  /** Others that may be asked for. */
  readonly isOther?: (name: string) => boolean;
  /** Every one of them, where `ids` is null; undefined: that is too many to ask for. */
  readonly all: ((account: number) => Row[]) | undefined;
  readonly find: (account: number, id: string) => Row | undefined;
  readonly idOf: (row: Row) => string;
  /** The wanted properties of the object; `id` is added. */
  readonly describe: (
    rows: readonly Row[],
    wanted: ReadonlySet<string>,
  ) => Record<string, unknown>[] | Promise<Record<string, unknown>[]>;
}

export async function answerGet<Row>(
  mail: Pick<MailContext, "changes">,
  call: Call,
  gettable: Gettable<Row>,
): Promise<object> {
  const account = accountOf(call);
  const ids = call.args.optionalTexts("ids");
  const properties = call.args.optionalTexts("properties") ?? gettable.properties;
  call.args.end();
  checkProperties(
    properties,
    (name) => gettable.properties.includes(name) || (gettable.isOther?.(name) ?? false),
  );
  const state = stateOf(mail, account, gettable.type);
  const { rows, notFound } = findRows(call, account, ids, gettable);
  const wanted = new Set(properties);
  const list = await gettable.describe(rows, wanted);
  return {
    accountId: accountIdOf(account),
    state,
    list: list.map((object, index) => ({ id: gettable.idOf(rows[index] as Row), ...object })),
    notFound,
  };
}

function findRows<Row>(
  call: Call,
  account: number,
  ids: readonly string[] | undefined,
  { all, find }: Gettable<Row>,
): { rows: Row[]; notFound: string[] } {
  if (ids === undefined) {
    if (!all) throw tooLarge("Name the ids: there may be too many for one answer.");
    return { rows: all(account), notFound: [] };
  }
  if (ids.length > limits.maxObjectsInGet) throw tooLarge(`At most ${limits.maxObjectsInGet} ids a call.`);
  const rows: Row[] = [];
  const notFound: string[] = [];
  for (const id of new Set(ids)) {
    const row = find(account, resolveId(call, id));
    if (row === undefined) notFound.push(id);
    else rows.push(row);
  }
  return { rows, notFound };
}

const tooLarge = (description: string): MethodError => new MethodError("requestTooLarge", description);

/** An object with those of the properties that are wanted; each is made only then. */
export function pick(
  wanted: ReadonlySet<string>,
  makers: Readonly<Record<string, () => unknown>>,
): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [name, make] of Object.entries(makers)) if (wanted.has(name)) object[name] = make();
  return object;
}
