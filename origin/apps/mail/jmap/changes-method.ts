import type { MailContext } from "../mail-context.ts";
import type { ObjectType } from "../mailbox/changes.ts";
import { accountIdOf, accountOf, readState } from "./account.ts";
import { formatId, type IdKind } from "./ids.ts";
import { invalid } from "./arguments.ts";
import type { Call } from "./method.ts";

/** A row that was made or changed; `changedSeq` is the newer of the two where it counts both. */
export interface ChangedRow {
  readonly id: number;
  readonly createdSeq: number;
  readonly changedSeq: number;
}

/** What `/changes` of one kind of object needs (RFC 8620 §5.2). */
export interface Followed {
  readonly type: ObjectType;
  readonly idKind: IdKind;
  /** Those that were made or changed after `since` and are there, in the order of their `changedSeq`. */
  readonly changedSince: (account: number, since: number, limit: number) => ChangedRow[];
}

export interface ObjectChanges {
  readonly accountId: string;
  readonly oldState: string;
  readonly newState: string;
  readonly hasMoreChanges: boolean;
  readonly created: string[];
  readonly updated: string[];
  readonly destroyed: string[];
}

/** As many changes as one answer tells unless the client wants fewer. */
const mostChanges = 5000;

export function answerChanges(
  mail: Pick<MailContext, "changes">,
  call: Call,
  followed: Followed,
): ObjectChanges {
  const account = accountOf(call);
  const sinceState = call.args.text("sinceState");
  const wanted = call.args.optionalInteger("maxChanges", 0);
  call.args.end();
  if (wanted === 0) throw invalid("maxChanges", "must be 1 or more");
  const since = readState(mail, account, followed.type, sinceState);
  const limit = Math.min(wanted ?? mostChanges, mostChanges);
  return findChanges(mail, account, since, limit, followed);
}

interface Step {
  readonly seq: number;
  readonly id: number;
  readonly kind: "created" | "updated" | "destroyed";
}

/**
 * The changes in the order in which they happened, at most `limit`; the state between is that of the last one told. An
 * object that was made and destroyed since is not mentioned.
 */
export function findChanges(
  mail: Pick<MailContext, "changes">,
  account: number,
  since: number,
  limit: number,
  { type, idKind, changedSince }: Followed,
): ObjectChanges {
  const newest = mail.changes.state(account, type);
  const destroyed = mail.changes.destroyedSince(account, type, since);
  const steps: Step[] = [
    ...changedSince(account, since, limit + 1).map(({ id, createdSeq, changedSeq }) => ({
      seq: changedSeq,
      id,
      kind: createdSeq > since ? ("created" as const) : ("updated" as const),
    })),
    ...destroyed
      .filter(({ createdSeq }) => createdSeq <= since)
      .map(({ id, seq }) => ({ seq, id, kind: "destroyed" as const })),
  ].toSorted((one, other) => one.seq - other.seq);
  const told = takeWholeSteps(steps, limit);
  const hasMoreChanges = told.length < steps.length;
  const ids = (kind: Step["kind"]): string[] =>
    told.filter((step) => step.kind === kind).map(({ id }) => formatId(idKind, id));
  return {
    accountId: accountIdOf(account),
    oldState: String(since),
    newState: String(hasMoreChanges ? (told.at(-1)?.seq ?? since) : newest),
    hasMoreChanges,
    created: ids("created"),
    updated: ids("updated"),
    destroyed: ids("destroyed"),
  };
}

/**
 * What bears one number happened at once: a state stands behind all of it or before it. Where a single one is more than
 * was wanted it is told whole, since a client could never get past it.
 */
function takeWholeSteps(steps: readonly Step[], limit: number): readonly Step[] {
  if (steps.length <= limit) return steps;
  const cut = steps[limit]?.seq;
  const before = steps.slice(0, limit).filter(({ seq }) => seq !== cut);
  if (before.length > 0) return before;
  return steps.filter(({ seq }) => seq === cut);
}
