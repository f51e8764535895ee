import { judgeRecipient } from "../../shared/mail-policy.ts";
import { EdgeSettingsError } from "../edge.ts";
import type { Edge } from "../edge.ts";
import type { Env } from "../env.ts";
import { panicInForce } from "../panic-in-force.ts";
import { isSomebodys, wakeOrigin } from "./ask-of-mail.ts";
import { storeMail } from "./store-mail.ts";
import type { MessageAtDoor } from "./store-mail.ts";

/** RFC 3463: what the sender's server shows to the sender. */
const REFUSALS = {
  foreign: "550 5.7.1 This server takes no mail for that domain",
  refused: "550 5.7.1 This address takes no mail",
  unknown: "550 5.1.1 No such mailbox",
} as const;

interface Door {
  readonly edge: Edge;
  readonly env: Env;
  readonly ctx: Pick<ExecutionContext, "waitUntil">;
}

/**
 * Refuses what the owner's settings refuse, keeps everything else, and tells the origin.
 *
 * @throws EdgeSettingsError where mail is off, and whatever the bucket says: a temporary failure to the sender, who
 * tries again.
 */
export async function takeMail(
  message: MessageAtDoor & Pick<ForwardableEmailMessage, "setReject">,
  { edge, env, ctx }: Door,
): Promise<void> {
  if (edge.mail === undefined)
    throw new EdgeSettingsError(
      "MAIL_POLICY is not set: turn mail on in burrow.toml, run burrow edge config and deploy again",
    );
  const verdict = judgeRecipient(edge.mail, message.to);
  if (verdict === "foreign" || verdict === "refused") return message.setReject(REFUSALS[verdict]);
  const level = await panicInForce(edge, env);
  // While it is lost, what answers may be a thief's.
  const isOurs = level !== undefined && level !== "lost";
  if (verdict === "ask" && isOurs && (await isSomebodys(message.to, edge, env)) === false)
    return message.setReject(REFUSALS.unknown);
  await storeMail(message, env, level, Date.now());
  if (isOurs) ctx.waitUntil(wakeOrigin(edge, env));
}
