import type { Json, JsonObject } from "../events/event.ts";
import { compileGlob } from "../push/glob.ts";
import type { AccountData } from "./account-data.ts";

/** What becomes of an invitation: `ignore` takes it and shows it to nobody, `block` refuses it. */
export type InviteAction = "allow" | "ignore" | "block";

/** Whose invitations a user wants (§Invite permission, MSC4155 by its unstable name, and whom the user ignores). */
export interface InvitePermission {
  actionFor(userId: string, inviter: string): InviteAction;
  /** Whether an invitation that is there already is not to be shown. */
  hides(userId: string, inviter: string): boolean;
}

/** §Invite permission, and the same under the proposal's name (MSC4380). */
const blockingTypes = ["m.invite_permission_config", "org.matrix.msc4380.invite_permission_config"];
const filterType = "org.matrix.msc4155.invite_permission_config";

/** The member's own list, gone through at each invitation to them. */
const mostGlobs = 1000;

export function createInvitePermission(accountData: AccountData): InvitePermission {
  function actionFor(userId: string, inviter: string): InviteAction {
    const blocks = blockingTypes.some(
      (type) => accountData.get(userId, 0, type)?.["default_action"] === "block",
    );
    if (blocks) return "block";
    const filter = accountData.get(userId, 0, filterType);
    return filter ? judge(filter, inviter) : "allow";
  }
  return {
    actionFor,
    hides: (userId, inviter) =>
      accountData.ignored(userId).has(inviter) || actionFor(userId, inviter) === "ignore",
  };
}

/** MSC4155: users before servers, and of each what allows before what ignores before what blocks; the first that fits. */
function judge(filter: JsonObject, inviter: string): InviteAction {
  if (filter["enabled"] === false) return "allow";
  const server = inviter.slice(inviter.indexOf(":") + 1);
  const rules: [key: string, text: string, action: InviteAction][] = [
    ["allowed_users", inviter, "allow"],
    ["ignored_users", inviter, "ignore"],
    ["blocked_users", inviter, "block"],
    ["allowed_servers", server, "allow"],
    ["ignored_servers", server, "ignore"],
    ["blocked_servers", server, "block"],
  ];
  return rules.find(([key, text]) => fits(filter[key], text))?.[2] ?? "allow";
}

/** Clients write the lists, so they may be anything. */
function fits(globs: Json | undefined, text: string): boolean {
  if (!Array.isArray(globs)) return false;
  return globs.slice(0, mostGlobs).some((glob) => typeof glob === "string" && compileGlob(glob)(text));
}
