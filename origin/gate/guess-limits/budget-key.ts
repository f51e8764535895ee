import { networksOf } from "../../../shared/client-networks.ts";
import type { GuessKind } from "../../../shared/guess-routes.ts";

/** Whose budget it is: a network's, everybody's who is unknown to an account, or one that the account knows. */
export type BudgetKey =
  | { readonly kind: GuessKind; readonly role: "source"; readonly network: string }
  | { readonly kind: GuessKind; readonly role: "account"; readonly account: string }
  | { readonly kind: GuessKind; readonly role: "device"; readonly account: string; readonly device: string }
  | {
      readonly kind: GuessKind;
      readonly role: "network";
      readonly account: string;
      readonly network: string;
    };

/** One line; the account comes last, since clients choose what it is called. */
export function formatBudgetKey(key: BudgetKey): string {
  if (key.role === "source") return `${key.kind} source ${key.network}`;
  if (key.role === "account") return `${key.kind} account - ${key.account}`;
  return `${key.kind} ${key.role} ${key.role === "device" ? key.device : key.network} ${key.account}`;
}

export function parseBudgetKey(text: string): BudgetKey | undefined {
  const [, kind, role, subject = "", account = ""] = /^(\S+) (\S+) (\S+)(?: (.*))?$/s.exec(text) ?? [];
  const of = { kind: kind as GuessKind, account };
  if (role === "source") return { kind: of.kind, role, network: subject };
  if (role === "account") return { ...of, role };
  if (role === "device") return { ...of, role, device: subject };
  return role === "network" ? { ...of, role, network: subject } : undefined;
}

/** Whether a budget is of what the owner names: an account, an address, a network in CIDR form, or `*` for every one. */
export function concerns(key: BudgetKey, what: string): boolean {
  if (what === "*") return true;
  if ("account" in key && key.account === what) return true;
  return "network" in key && isOfNetwork(key.network, what);
}

/** An address stands for every network around it that is counted. */
export function isOfNetwork(network: string, what: string): boolean {
  const { sources, neighbourhood } = networksOf(what);
  return network === what || network === neighbourhood || sources.some(({ text }) => text === network);
}
