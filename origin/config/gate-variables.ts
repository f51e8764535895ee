import { formatAccessRules } from "../../shared/access-policy.ts";
import type { Config } from "./config.ts";

/**
 * What of the settings the Worker decides by, as its variables; the same in a deployment and in development. Whose e-mail
 * is whose stays on the device.
 */
export function gateVariables({ access }: Pick<Config, "access">): Record<string, string> {
  if (access === undefined) return {};
  const { team, certsUrl, policies } = access;
  return { ACCESS: formatAccessRules({ team, ...(certsUrl !== undefined && { certsUrl }), policies }) };
}
