import type { MailContext } from "../mail-context.ts";
import type { ObjectType } from "../mailbox/changes.ts";
import { formatId, parseId } from "./ids.ts";
import { invalid } from "./arguments.ts";
import { MethodError } from "./jmap-error.ts";
import type { Call } from "./method.ts";

/** The account that a call names, which must be the caller's own. Throws accountNotFound. */
export function accountOf(call: Call, argument = "accountId"): number {
  const account = parseId("account", call.args.text(argument));
  if (account !== call.user.account) {
    throw new MethodError(
      argument === "accountId" ? "accountNotFound" : "fromAccountNotFound",
      "There is no such account of yours.",
    );
  }
  return account;
}

/** The state of a kind of object in an account, as clients are told it (RFC 8620 §5.1). */
export function stateOf(mail: Pick<MailContext, "changes">, account: number, type: ObjectType): string {
  return String(mail.changes.state(account, type));
}

/** A state that a client bears, as a position. Throws cannotCalculateChanges for one that was never given out. */
export function readState(
  mail: Pick<MailContext, "changes">,
  account: number,
  type: ObjectType,
  state: string,
): number {
  const seq = /^[1-9]\d{0,14}$/.test(state) ? Number(state) : 0;
  if (seq < 1 || seq > mail.changes.state(account, type)) {
    throw new MethodError("cannotCalculateChanges", "That state is not known here. Get everything anew.");
  }
  return seq;
}

/** Throws stateMismatch where `ifInState` says another state than what is (RFC 8620 §5.3). */
export function checkIfInState(call: Call, state: string): void {
  const wanted = call.args.optionalText("ifInState");
  if (wanted !== undefined && wanted !== state)
    throw new MethodError("stateMismatch", `The state is ${state} by now.`);
}

/** An id of this request's creations stands as `#name` wherever an id may (RFC 8620 §5.3). */
export function resolveId(call: Call, id: string): string {
  if (!id.startsWith("#")) return id;
  return call.createdIds.get(id.slice(1)) ?? id;
}

export function accountIdOf(account: number): string {
  return formatId("account", account);
}

/** Throws invalidArguments for names that are no properties. */
export function checkProperties(names: readonly string[], isKnown: (name: string) => boolean): void {
  const unknown = names.find((name) => !isKnown(name));
  if (unknown !== undefined) throw invalid("properties", `has ${unknown}, which there is none of`);
}
