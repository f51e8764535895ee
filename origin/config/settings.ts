import { isIP } from "node:net";
import type { AccessPolicy } from "../../shared/access-policy.ts";
import { HstsStageError, hstsOfStage } from "../../shared/security-headers.ts";
import {
  type EmailOfMember,
  readAccessPolicies,
  readAudiences,
  readCertsUrl,
  readEmailMap,
  readServiceTokens,
  readTeam,
} from "./access-settings.ts";
import type { Config, ListenAddress, Mode } from "./config.ts";
import { readCloudflareId, readHours, readNetworks, readRows } from "./honeypot-settings.ts";
import { readMailAddresses } from "./mail-settings.ts";
import { readOidcClients } from "./oidc-clients.ts";
import { SettingError } from "./setting-error.ts";

export { SettingError };

/** Reads one value; a text from the environment is already brought to the type that the default has. */
interface Setting<T> {
  /** What it is until it is set; undefined: it must be set. */
  readonly fallback: T | undefined;
  readonly read: (value: unknown) => T;
  /** K3: shown as "configured" only, and never in a log. */
  readonly secret?: true;
}

function setting<T>(fallback: T | undefined, read: (value: unknown) => T): Setting<T> {
  return { fallback, read };
}

function secretSetting<T>(fallback: T, read: (value: unknown) => T): Setting<T> {
  return { fallback, read, secret: true };
}

/** Every setting there is, by its name in burrow.toml. In the environment `matrix.max_upload_size` is `BURROW_MATRIX_MAX_UPLOAD_SIZE`. */
export const settings = {
  mode: setting<Mode>("production", oneOf("production", "development", "test")),
  server_name: setting<string>(undefined, readHostName),
  public_url: setting("", readPublicUrl),
  listen: setting<ListenAddress | "">("", readListenAddress),
  "matrix.default_room_version": setting("11", oneOf("10", "11", "12")),
  "matrix.max_upload_size": setting(99_000_000, readBytes),
  "matrix.max_resumable_size": setting(2_000_000_000, readBytes),
  "matrix.media_quota": setting(5_000_000_000, readBytes),
  "matrix.media_retention_days": setting(0, readDays),
  "matrix.url_previews": setting(false, readBoolean),
  "matrix.room_directory": setting<"closed" | "members">("closed", oneOf("closed", "members")),
  "matrix.presence": setting<"on" | "off">("on", oneOf("on", "off")),
  "matrix.user_directory": setting<"rooms" | "members">("rooms", oneOf("rooms", "members")),
  "matrix.support_page": setting("", readPage),
  "matrix.support_contact": setting("", readContact),
  "matrix.livekit_service_url": setting("", readPage),
  "matrix.openid_userinfo": setting<"closed" | "open">("closed", oneOf("closed", "open")),
  "matrix.oauth": setting<"on" | "off">("on", oneOf("on", "off")),
  "matrix.notices_name": setting("Server notices", readText),
  "matrix.notices_avatar": setting("", readMediaAddress),
  "matrix.rate_limits.enabled": setting(true, readBoolean),
  "matrix.rate_limits.login": setting(30, readRate),
  "matrix.rate_limits.registration": setting(30, readRate),
  "matrix.rate_limits.uploads": setting(120, readRate),
  "matrix.rate_limits.messages": setting(600, readRate),
  "matrix.rate_limits.invites": setting(120, readRate),
  "matrix.rate_limits.rooms": setting(60, readRate),
  "matrix.rate_limits.joins": setting(120, readRate),
  "matrix.rate_limits.keys": setting(600, readRate),
  "matrix.rate_limits.reports": setting(20, readRate),
  "matrix.rate_limits.profiles": setting(60, readRate),
  "matrix.rate_limits.search": setting(120, readRate),
  "matrix.rate_limits.previews": setting(120, readRate),
  "matrix.rate_limits.writes": setting(1200, readRate),
  "mail.enabled": setting<boolean | "">("", readBoolean),
  "mail.domain": setting("", (value) => (value === "" ? "" : readHostName(value))),
  "mail.quota": setting(2_000_000_000, readBytes),
  "mail.unknown_recipients": setting<"owner" | "refuse">("owner", oneOf("owner", "refuse")),
  "mail.refused_addresses": setting<readonly string[]>([], readMailAddresses),
  "mail.bucket_url": setting("", readBucketUrl),
  "mail.bucket_region": setting("auto", readText),
  "mail.bucket_key_id": setting("", readText),
  "mail.relay_host": setting("", readRelayHost),
  "mail.relay_port": setting(465, readAnyPort),
  "mail.relay_user": setting("", readText),
  "mail.relay_spf": setting("", readSpf),
  "mail.dkim_selector": setting("", readSelector),
  "mail.lmtp": setting<ListenAddress | "">("", readLmtp),
  "sessions.idle_days": setting(14, readSessionDays),
  "sessions.absolute_days": setting(90, readSessionDays),
  oidc_client: setting<Config["oidcClients"]>([], readOidcClients),
  "edge.worker": setting("burrow", readWorkerName),
  "edge.vpc_service": setting("", readText),
  "edge.tunnel_host": setting("", (value) => (value === "" ? "" : readHostName(value))),
  "edge.hsts_stage": setting("trial", readHstsStage),
  "edge.account_id": setting("", readAccountId),
  "edge.alert_mail_to": setting("", readText),
  "access.team": setting("", readTeam),
  "access.admin": setting(true, readBoolean),
  "access.admin_aud": setting<readonly string[]>([], readAudiences),
  "access.admin_service_tokens": setting<readonly string[]>([], readServiceTokens),
  "access.policy": setting<readonly AccessPolicy[]>([], readAccessPolicies),
  "access.map_email": setting<readonly EmailOfMember[]>([], readEmailMap),
  "access.certs_url": setting("", readCertsUrl),
  "honeypot.enabled": setting(false, readBoolean),
  "honeypot.block": setting(false, readBoolean),
  "honeypot.block_hours": setting(24, readHours),
  "honeypot.jail": setting(false, readBoolean),
  "honeypot.decoys": setting(false, readBoolean),
  "honeypot.alerts": setting(false, readBoolean),
  "honeypot.matrix_alerts": setting(false, readBoolean),
  "honeypot.safelist": setting<readonly string[]>([], readNetworks),
  "honeypot.retention_days": setting(30, readDays),
  "honeypot.max_rows": setting(20_000, readRows),
  "honeypot.cloudflare": setting(false, readBoolean),
  "honeypot.cloudflare_account": setting("", readCloudflareId),
  "honeypot.cloudflare_list": setting("", readCloudflareId),
  "tunnel.enabled": setting(false, readBoolean),
  "tunnel.metrics_port": setting(20_241, readPort),
  "alerts.ntfy_url": secretSetting("", readAlertUrl),
  "alerts.webhook_url": secretSetting("", readAlertUrl),
  "outbound.through": setting<"direct" | "edge">("direct", oneOf("direct", "edge")),
  ...pinSettings("cloudflared"),
  ...pinSettings("element_web"),
  ...pinSettings("cinny"),
  "backup.time": setting("03:30", readTimeOfDay),
  "backup.folder": setting("", readText),
  "backup.s3_url": setting("", readBucketUrl),
  "backup.s3_region": setting("auto", readText),
  "backup.s3_key_id": setting("", readText),
  "backup.keep_daily": setting(7, readCount),
  "backup.keep_weekly": setting(4, readCount),
  "backup.keep_monthly": setting(6, readCount),
  "log.level": setting<Config["log"]["level"]>("info", oneOf("debug", "info", "warn", "error")),
};

export type SettingName = keyof typeof settings;
export type SettingValues = { [Name in SettingName]: ReturnType<(typeof settings)[Name]["read"]> };

/** Environment variables that Burrow reads and that are no settings. */
export const otherVariables = [
  "BURROW_DATA",
  "BURROW_SERVICES",
  "BURROW_ALLOW_ROOT",
  "BURROW_ALLOW_DEV_MODE",
];

export function variableOf(name: string): string {
  return `BURROW_${name.replaceAll(".", "_").toUpperCase()}`;
}

function oneOf<const T extends string>(...choices: T[]): (value: unknown) => T {
  return (value) => {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw new SettingError(`must be one of ${choices.map(quote).join(", ")}`);
    return found;
  };
}

export function readText(value: unknown): string {
  if (typeof value !== "string") throw new SettingError("must be a text in quotes");
  return value;
}

/** The environment has only texts. */
export function readBoolean(value: unknown): boolean {
  if (value === true || value === "true") return true;
  if (value === false || value === "false") return false;
  throw new SettingError("must be true or false");
}

function readPort(value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1024 || value > 65_535) {
    throw new SettingError("must be a port from 1024 to 65535");
  }
  return value;
}

/** Of another server's. */
function readAnyPort(value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > 65_535) {
    throw new SettingError("must be a port from 1 to 65535");
  }
  return value;
}

/** Whole bytes. */
function readBytes(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1) {
    throw new SettingError("must be a whole number of bytes, 1 or more");
  }
  return value;
}

const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const hostPattern = new RegExp(`^${label}(?:\\.${label})+$`);

function readAccountId(value: unknown): string {
  const id = readText(value);
  if (!/^(?:[0-9a-f]{32})?$/.test(id))
    throw new SettingError(
      "must be the account's id: 32 letters and digits, as the dashboard's address has it",
    );
  return id;
}

export function readHostName(value: unknown): string {
  const name = readText(value);
  // A public host behind the edge: a name, never an address or a port, and lower-case as DNS compares it.
  if (name.length > 230 || !hostPattern.test(name) || isIP(name) !== 0) {
    throw new SettingError('must be a host name in lower case, such as "example.org"');
  }
  return name;
}

/** A certificate vouches for a name; an address is for a relay on this machine. */
function readRelayHost(value: unknown): string {
  const host = readText(value);
  return host === "" || host === "localhost" || isLoopback(host) ? host : readHostName(host);
}

/** One term of an SPF record (RFC 7208 §4.6.1). */
function readSpf(value: unknown): string {
  const term = readText(value);
  if (!/^(?:(?:include|a|mx|ip4|ip6|exists|redirect)[:=][\w.:/%{}-]{1,200})?$/.test(term))
    throw new SettingError(
      'must be what the relay wants in the SPF record, such as "include:spf.example.net"',
    );
  return term;
}

/** RFC 6376 §3.1. */
function readSelector(value: unknown): string {
  const selector = readText(value);
  if (!new RegExp(`^(?:${label}(?:\\.${label})*)?$`).test(selector))
    throw new SettingError('must be a word in lower case, such as "burrow"');
  return selector;
}

/**
 * The server name of `mode = "test"`: one label, `hs1`, which nobody can own. So no folder is ever both: a real
 * name is refused in test mode, and this one in every other.
 */
export function readTestServerName(value: unknown): string {
  const name = readText(value);
  if (!new RegExp(`^${label}$`).test(name)) {
    throw new SettingError('must be one word in lower case where mode is "test", such as "hs1"');
  }
  return name;
}

function readPublicUrl(value: unknown): string {
  const text = readText(value);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.origin !== text) {
    throw new SettingError(
      'must be a URL without a path and without a slash at its end, such as "https://example.org"',
    );
  }
  return text;
}

/** What clients are told to open or ask: they do so over the internet. */
function readPage(value: unknown): string {
  const text = readText(value);
  if (text === "") return text;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "https:" || url.username !== "" || url.password !== "") {
    throw new SettingError(
      'must be an https URL without a user or password, such as "https://example.org/help"',
    );
  }
  return text;
}

/** Everybody on the internet can read it. */
function readContact(value: unknown): string {
  const text = readText(value);
  if (text === "" || /^@[^\s:@]+:[^\s@]+$/.test(text) || /^[^\s@:]+@[^\s@:]+$/.test(text)) return text;
  throw new SettingError('must be an e-mail address or a Matrix user id, such as "@ada:example.org"');
}

/** H1: what is not loopback is refused before anything is bound. */
export function readListenAddress(value: unknown): ListenAddress {
  const text = readText(value);
  if (text.startsWith("unix:")) return { kind: "unix", path: readSocketPath(text.slice(5)) };
  const match = /^(?:\[([0-9a-f:]+)\]|([0-9.]+)):(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || isIP(host) === 0 || port > 65_535) {
    throw new SettingError('must be "unix:NAME" or a loopback address with a port, such as "127.0.0.1:8090"');
  }
  if (!isLoopback(host)) {
    throw new SettingError(
      `must be a loopback address: ${host} could be reached from the network. Use "127.0.0.1:${port}" or "unix:origin.sock"`,
    );
  }
  return { kind: "tcp", host, port };
}

/** A mail server on another machine would get the mail in clear text. */
function readLmtp(value: unknown): ListenAddress | "" {
  if (value === "") return "";
  const address = readListenAddress(value);
  if (address.kind === "unix" && !address.path.startsWith("/"))
    throw new SettingError('must give the whole path of the socket, such as "unix:/run/dovecot/lmtp"');
  return address;
}

function readSocketPath(path: string): string {
  if (path === "" || path.includes("\0"))
    throw new SettingError('must name the socket, such as "unix:origin.sock"');
  return path;
}

/** 127.0.0.0/8 and ::1, as a literal address. A name is none: it may resolve to anything. */
export function isLoopback(address: string): boolean {
  return address === "::1" || (isIP(address) === 4 && address.startsWith("127."));
}

/** Alerts tell what is wrong with the server: in clear text only to a process of this machine. */
function readAlertUrl(value: unknown): string {
  const text = readText(value);
  if (text === "") return text;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLocal = url?.protocol === "http:" && (url.hostname === "localhost" || isLoopback(url.hostname));
  if (!url || (url.protocol !== "https:" && !isLocal) || url.username !== "" || url.password !== "") {
    throw new SettingError(
      'must be an https URL without a user or password, such as "https://ntfy.example.org/topic"',
    );
  }
  return text;
}

/** The owner's own pin of a download; all three or none. */
function pinSettings<const Name extends string>(
  name: Name,
): Record<`downloads.${Name}.${"version" | "url" | "sha256"}`, Setting<string>> {
  return {
    [`downloads.${name}.version`]: setting("", readVersion),
    [`downloads.${name}.url`]: setting("", readDownloadUrl),
    [`downloads.${name}.sha256`]: setting("", readSha256),
  } as Record<`downloads.${Name}.${"version" | "url" | "sha256"}`, Setting<string>>;
}

/** It becomes part of a file's name. */
function readVersion(value: unknown): string {
  const version = readText(value);
  if (version !== "" && !/^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$/.test(version))
    throw new SettingError('must be a version, such as "2026.11.0"');
  return version;
}

function readDownloadUrl(value: unknown): string {
  const text = readText(value);
  if (text === "") return text;
  const url = URL.parse(text);
  if (url?.protocol !== "https:" || url.username !== "" || url.password !== "")
    throw new SettingError("must be an https URL without a user or password");
  return url.href;
}

function readSha256(value: unknown): string {
  const text = readText(value).toLowerCase();
  if (text !== "" && !/^[0-9a-f]{64}$/.test(text))
    throw new SettingError("must be the SHA-256 of the file, 64 hexadecimal digits");
  return text;
}

function readTimeOfDay(value: unknown): string {
  const text = readText(value);
  if (text === "off" || /^(?:[01]\d|2[0-3]):[0-5]\d$/.test(text)) return text;
  throw new SettingError('must be a time of this machine\'s clock, such as "03:30", or "off"');
}

/** Of the bucket itself: `https://host/bucket` or `https://bucket.host`. */
function readBucketUrl(value: unknown): string {
  const text = readText(value);
  if (text === "") return text;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLocal = url?.protocol === "http:" && isLoopback(url.hostname);
  if (!url || (url.protocol !== "https:" && !isLocal) || url.search !== "" || url.username !== "") {
    throw new SettingError('must be the https URL of a bucket, such as "https://s3.example.org/backups"');
  }
  return text;
}

function readCount(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0 || value > 1000) {
    throw new SettingError("must be a whole number from 0 to 1000");
  }
  return value;
}

/** A minute's worth, for one device. */
function readRate(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1 || value > 1_000_000) {
    throw new SettingError("must be a whole number a minute, from 1 to 1000000");
  }
  return value;
}

/** 0: for ever. */
function readDays(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0 || value > 36_500) {
    throw new SettingError("must be a whole number of days, 0 for never");
  }
  return value;
}

/** Browsers keep a cookie for 400 days at the most. */
function readSessionDays(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1 || value > 400) {
    throw new SettingError("must be a whole number of days from 1 to 400");
  }
  return value;
}

function readMediaAddress(value: unknown): string {
  const text = readText(value);
  if (text !== "" && !/^mxc:\/\/[^/]{1,255}\/[\w.~-]{1,255}$/.test(text)) {
    throw new SettingError('must be the address of an uploaded picture, such as "mxc://example.org/abc"');
  }
  return text;
}

function readWorkerName(value: unknown): string {
  const name = readText(value);
  if (!/^[a-z0-9](?:[a-z0-9-]{0,52}[a-z0-9])?$/.test(name)) {
    throw new SettingError("must be a name of letters, digits and dashes, at most 54 characters");
  }
  return name;
}

function readHstsStage(value: unknown): string {
  const stage = readText(value);
  try {
    hstsOfStage(stage);
  } catch (error) {
    if (error instanceof HstsStageError) throw new SettingError(`cannot be used: ${error.message}`);
    throw error;
  }
  return stage;
}

function quote(text: string): string {
  return `"${text}"`;
}
