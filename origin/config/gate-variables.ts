import { formatAccessRules } from "../../shared/access-policy.ts";
import type { MailPolicy } from "../../shared/mail-policy.ts";
import type { HoneypotRules } from "../../shared/probe-report.ts";
import type { AccessConfig, Config, HoneypotConfig, MailConfig } from "./config.ts";

/**
 * What of the settings the Worker decides by, as its variables; the same in a deployment and in development. Whose e-mail
 * is whose, and who is never refused, stays on the device.
 */
export function gateVariables({
  access,
  honeypot,
  mail,
}: Pick<Config, "access" | "honeypot" | "mail">): Record<string, string> {
  return {
    ...(access && { ACCESS: accessVariable(access) }),
    ...(honeypot && { HONEYPOT: honeypotVariable(honeypot) }),
    ...(mail && { MAIL_POLICY: mailVariable(mail) }),
  };
}

function accessVariable({ team, certsUrl, policies }: AccessConfig): string {
  return formatAccessRules({ team, ...(certsUrl !== undefined && { certsUrl }), policies });
}

/** Sources are refused that were jailed, blocked, or named by the owner: where one of the two is on, the edge asks for them. */
function honeypotVariable({ block, jail, decoys }: HoneypotConfig): string {
  return JSON.stringify({ block: block || jail, decoys } satisfies HoneypotRules);
}

function mailVariable({ domain, refusedAddresses, unknownRecipients }: MailConfig): string {
  return JSON.stringify({
    domain,
    refused: refusedAddresses,
    unknown: unknownRecipients,
  } satisfies MailPolicy);
}
