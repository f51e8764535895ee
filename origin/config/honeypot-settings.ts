import ipaddr from "ipaddr.js";
import type { HoneypotConfig } from "./config.ts";
import { readWords } from "./read-lists.ts";
import { SettingError } from "./setting-error.ts";

/** Addresses, or networks in CIDR form. */
export function readNetworks(value: unknown): readonly string[] {
  const networks = readWords(value);
  const strange = networks.find((text) => !ipaddr.isValidCIDR(text) && !ipaddr.isValid(text));
  if (strange === undefined) return networks;
  throw new SettingError(
    `has ${strange}, which is neither an address nor a network, such as "203.0.113.7" or "2001:db8::/48"`,
  );
}

export function readHours(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1 || value > 8_760)
    throw new SettingError("must be a whole number of hours, from 1 to 8760");
  return value;
}

export function readRows(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 100 || value > 1_000_000)
    throw new SettingError("must be a whole number of rows, from 100 to 1000000");
  return value;
}

/** An id of Cloudflare's: 32 hexadecimal digits. */
export function readCloudflareId(value: unknown): string {
  if (value === "" || (typeof value === "string" && /^[0-9a-f]{32}$/.test(value))) return value;
  throw new SettingError("must be an id as Cloudflare shows it, 32 hexadecimal digits");
}

export interface HoneypotValues {
  readonly "honeypot.enabled": boolean;
  readonly "honeypot.block": boolean;
  readonly "honeypot.block_hours": number;
  readonly "honeypot.jail": boolean;
  readonly "honeypot.decoys": boolean;
  readonly "honeypot.alerts": boolean;
  readonly "honeypot.matrix_alerts": boolean;
  readonly "honeypot.safelist": readonly string[];
  readonly "honeypot.retention_days": number;
  readonly "honeypot.max_rows": number;
  readonly "honeypot.cloudflare": boolean;
  readonly "honeypot.cloudflare_account": string;
  readonly "honeypot.cloudflare_list": string;
}

/**
 * The whole of `[honeypot]`; undefined while it is off.
 *
 * @throws SettingError for what would do nothing: an opt-in under a honeypot that is off protects nobody.
 */
export function honeypotOf(values: HoneypotValues): HoneypotConfig | undefined {
  if (!values["honeypot.enabled"]) {
    const idle = (["block", "jail", "decoys", "alerts", "matrix_alerts", "cloudflare"] as const).find(
      (name) => values[`honeypot.${name}`],
    );
    if (idle !== undefined)
      throw new SettingError(`honeypot.${idle} does nothing while honeypot.enabled is false`);
    return undefined;
  }
  const [account, list] = [values["honeypot.cloudflare_account"], values["honeypot.cloudflare_list"]];
  if (values["honeypot.cloudflare"] && (account === "" || list === ""))
    throw new SettingError(
      "honeypot.cloudflare needs honeypot.cloudflare_account and honeypot.cloudflare_list, the ids of your account and of a list for this alone",
    );
  return Object.freeze({
    block: values["honeypot.block"],
    blockHours: values["honeypot.block_hours"],
    jail: values["honeypot.jail"],
    decoys: values["honeypot.decoys"],
    alerts: values["honeypot.alerts"],
    matrixAlerts: values["honeypot.matrix_alerts"],
    safelist: values["honeypot.safelist"],
    retentionDays: values["honeypot.retention_days"],
    maxRows: values["honeypot.max_rows"],
    cloudflare: values["honeypot.cloudflare"] ? Object.freeze({ account, list }) : undefined,
  });
}
