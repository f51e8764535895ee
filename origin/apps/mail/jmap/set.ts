import type { Transaction } from "../../../storage/writer.ts";
import type { MailContext } from "../mail-context.ts";
import type { ObjectType } from "../mailbox/changes.ts";
import { accountIdOf, accountOf, checkIfInState, resolveId, stateOf } from "./account.ts";
import { invalid, isObject } from "./arguments.ts";
import { MethodError, SetError } from "./jmap-error.ts";
import { type Call, limits } from "./method.ts";

/**
 * What `/set` of one kind of object needs (RFC 8620 §5.3). Each function runs inside the one write of the call, and
 * throws SetError before it has changed anything.
 */
export interface Settable {
  readonly type: ObjectType;
  /** Makes it; what of the object the client does not know yet, its id first. */
  readonly create: (transaction: Transaction, object: Record<string, unknown>, creationId: string) => Created;
  /** The properties that the server has set by itself, or null. */
  readonly update: (
    transaction: Transaction,
    id: string,
    patch: Record<string, unknown>,
  ) => Record<string, unknown> | null;
  readonly destroy: (transaction: Transaction, id: string) => void;
}

export type Created = { readonly id: string } & Readonly<Record<string, unknown>>;

export interface SetOutcome {
  readonly accountId: string;
  readonly oldState: string;
  readonly newState: string;
  readonly created: Record<string, Created> | null;
  readonly updated: Record<string, Record<string, unknown> | null> | null;
  readonly destroyed: string[] | null;
  readonly notCreated: Record<string, SetError> | null;
  readonly notUpdated: Record<string, SetError> | null;
  readonly notDestroyed: Record<string, SetError> | null;
}

/** The arguments that each `/set` has. */
export interface SetArguments {
  readonly account: number;
  readonly create: ReadonlyMap<string, Record<string, unknown>>;
  readonly update: ReadonlyMap<string, Record<string, unknown>>;
  readonly destroy: readonly string[];
}

/** Reads them; arguments of the kind's own are to be read before, and `call.args.end()` called after. */
export function readSetArguments(call: Call): SetArguments {
  const account = accountOf(call);
  const create = objectsOf(call, "create");
  const update = objectsOf(call, "update");
  const destroy = call.args.optionalTexts("destroy") ?? [];
  if (create.size + update.size + destroy.length > limits.maxObjectsInSet)
    throw new MethodError("requestTooLarge", `At most ${limits.maxObjectsInSet} objects a call.`);
  checkIds(destroy);
  return { account, create, update, destroy };
}

function objectsOf(call: Call, argument: string): Map<string, Record<string, unknown>> {
  const objects = new Map<string, Record<string, unknown>>();
  for (const [id, object] of Object.entries(call.args.optionalObject(argument) ?? {})) {
    if (!isObject(object)) throw invalid(argument, `has ${id}, which is no object`);
    objects.set(id, object);
  }
  checkIds(objects.keys());
  return objects;
}

/** RFC 8620 §1.2. Those that are refused are named in the answer. */
export function checkIds(ids: Iterable<string>): void {
  for (const id of ids)
    if (id.length > 255) throw new MethodError("invalidArguments", "An id has at most 255 characters.");
}

/** Makes, changes and destroys in that order, all in one write: a state stands for the whole call. */
export async function answerSet(
  mail: Pick<MailContext, "changes" | "database">,
  call: Call,
  { account, create, update, destroy }: SetArguments,
  settable: Settable,
): Promise<SetOutcome> {
  return await mail.database.write((transaction) => {
    const oldState = stateOf(mail, account, settable.type);
    checkIfInState(call, oldState);
    const made = each(orderCreations(create), (creationId, object) => {
      const created = settable.create(transaction, object, creationId);
      call.createdIds.set(creationId, created.id);
      return created;
    });
    const changed = each(update, (id, patch) => settable.update(transaction, resolveId(call, id), patch));
    const ids = new Map(destroy.map((id) => [id, id]));
    const gone = each(ids, (id) => settable.destroy(transaction, resolveId(call, id)));
    return {
      accountId: accountIdOf(account),
      oldState,
      newState: stateOf(mail, account, settable.type),
      created: made.done,
      updated: changed.done,
      destroyed: gone.done && Object.keys(gone.done),
      notCreated: made.refused,
      notUpdated: changed.refused,
      notDestroyed: gone.refused,
    };
  });
}

function each<In, Out>(
  objects: ReadonlyMap<string, In>,
  work: (id: string, object: In) => Out,
): { done: Record<string, Out> | null; refused: Record<string, SetError> | null } {
  const done: [string, Out][] = [];
  const refused: [string, SetError][] = [];
  for (const [id, object] of objects) {
    try {
      done.push([id, work(id, object)]);
    } catch (error) {
      if (!(error instanceof SetError)) throw error;
      refused.push([id, error]);
    }
  }
  return {
    done: done.length === 0 ? null : Object.fromEntries(done),
    refused: refused.length === 0 ? null : Object.fromEntries(refused),
  };
}

/** What refers to another creation of the same call comes after it (a mailbox within a mailbox). */
function orderCreations(
  create: ReadonlyMap<string, Record<string, unknown>>,
): ReadonlyMap<string, Record<string, unknown>> {
  const ordered = new Map<string, Record<string, unknown>>();
  const place = (id: string, object: Record<string, unknown>, depth: number): void => {
    if (ordered.has(id)) return;
    const parent = object["parentId"];
    const before = typeof parent === "string" && parent.startsWith("#") ? parent.slice(1) : undefined;
    const known = before === undefined ? undefined : create.get(before);
    // In a circle nothing comes first; the one that is tried first is refused.
    if (before !== undefined && known && depth < create.size) place(before, known, depth + 1);
    ordered.set(id, object);
  };
  for (const [id, object] of create) place(id, object, 0);
  return ordered;
}

/** Paths of one patch; an object has as many mailboxes and keywords, and each may come or go. */
const mostPaths = 300;

/**
 * An object with a patch laid on (RFC 8620 §5.3): `a/b` sets `b` in `a`, null takes it away there. Throws SetError
 * invalidPatch.
 */
export function applyPatch(
  object: Readonly<Record<string, unknown>>,
  patch: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const result: Record<string, unknown> = structuredClone(object);
  const paths = Object.keys(patch);
  if (paths.length > mostPaths) throw new SetError("invalidPatch", `A patch has at most ${mostPaths} paths.`);
  for (const path of paths) {
    if (paths.some((other) => other.startsWith(`${path}/`)))
      throw new SetError("invalidPatch", `${path} is set both whole and in part.`);
    setAt(result, path.split("/").map(unescapePointer), patch[path], path);
  }
  return result;
}

const unescapePointer = (step: string): string => step.replaceAll("~1", "/").replaceAll("~0", "~");

function setAt(
  object: Record<string, unknown>,
  steps: readonly string[],
  value: unknown,
  path: string,
): void {
  let at = object;
  for (const step of steps.slice(0, -1)) {
    const next = Object.hasOwn(at, step) ? at[step] : undefined;
    if (!isObject(next)) throw new SetError("invalidPatch", `${path} leads nowhere.`);
    at = next;
  }
  const last = steps.at(-1) ?? "";
  if (last === "__proto__") throw new SetError("invalidPatch", `${path} leads nowhere.`);
  if (value === null && steps.length > 1) delete at[last];
  else at[last] = value;
}
