import { statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { isAndroid } from "../host/supervisor/watch-processes.ts";
import { limitNames, type RatesPerMinute } from "../members/rate-limits.ts";
import { accessOf } from "./access-settings.ts";
import type { Config, DownloadsConfig, ListenAddress, MailConfig, OwnPin, RelayConfig } from "./config.ts";
import { honeypotOf } from "./honeypot-settings.ts";
import { hostsOf } from "./hosts.ts";
import { nearest } from "./nearest.ts";
import { readEnvironment } from "./read-environment.ts";
import type { ProxiedApp } from "./proxied-app.ts";
import { readApps, type Surroundings } from "./read-apps.ts";
import { readFile } from "./read-file.ts";
import { SettingError } from "./setting-error.ts";
import {
  isLoopback,
  readTestServerName,
  type SettingName,
  settings,
  type SettingValues,
  variableOf,
} from "./settings.ts";

/** The configuration cannot be used. `problems` has all of them, one sentence each. */
export class ConfigError extends Error {
  override name = "ConfigError";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** What a command knows by itself, such as the port that `dev` has just chosen. */
type Overrides = Partial<Pick<Config, "publicUrl" | "listen" | "testing">> & {
  mailBucket?: Pick<MailConfig, "bucketUrl" | "bucketRegion" | "bucketKeyId">;
};

/** A Unix socket's path may have 107 bytes (sun_path without its NUL). */
const longestSocketPath = 107;

export function configFile(dataDir: string): string {
  return join(dataDir, "burrow.toml");
}

/**
 * Reads `<dataDir>/burrow.toml`, lays the environment's BURROW_* over it, and checks the whole.
 * Throws ConfigError with every problem found. `overrides` wins over both.
 */
export function readConfig(options: {
  dataDir: string;
  environment: NodeJS.ProcessEnv;
  overrides?: Overrides;
  /** Read in the place of burrow.toml: what is about to replace it. */
  file?: string;
  /** What else this machine is taken for, in a test. */
  android?: boolean;
}): Config {
  const dataDir = resolve(options.dataDir);
  const path = options.file ?? configFile(dataDir);
  const file = readFile(path);
  const environment = readEnvironment(options.environment);
  const problems = [...(file.problem ? [file.problem] : []), ...environment.problems];

  for (const name of file.values.keys()) {
    if (name in settings || name === "app") continue;
    const known = nearest(name, Object.keys(settings));
    problems.push(`${path}: the key ${name} is not known${known ? `; is ${known} meant?` : "."}`);
  }

  const values: Partial<Record<SettingName, unknown>> = {};
  for (const name of Object.keys(settings) as SettingName[]) {
    const fromEnvironment = environment.values.has(name);
    const source = fromEnvironment ? environment.values : file.values;
    const setting = settings[name];
    if (!source.has(name)) {
      if (setting.fallback === undefined && !file.problem) {
        problems.push(
          `${path}: ${name} is not set. Run "burrow init --server-name NAME", or set ${variableOf(name)}.`,
        );
      }
      values[name] = setting.fallback;
      continue;
    }
    if (setting.secret && source === file.values && source.get(name) !== "" && isOpenToOthers(path)) {
      problems.push(`${path} holds a secret (${name}) and can be read by others. Run: chmod 600 "${path}"`);
    }
    try {
      // The mode comes first among the settings, so it is known by now.
      const isTestName = name === "server_name" && values.mode === "test";
      values[name] = (isTestName ? readTestServerName : setting.read)(source.get(name));
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      problems.push(`${fromEnvironment ? variableOf(name) : `${path}: ${name}`} ${error.message}.`);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return complete(
    dataDir,
    values as SettingValues,
    options.overrides ?? {},
    appsOf(path, file.values.get("app"), {
      serverName: values.server_name as string,
      mode: values.mode as Config["mode"],
      dataDir,
      android: options.android ?? isAndroid(),
    }),
  );
}

const day = 24 * 60 * 60 * 1000;

function isOpenToOthers(path: string): boolean {
  return ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0;
}

function appsOf(path: string, value: unknown, surroundings: Surroundings): readonly ProxiedApp[] {
  const { apps, problems } = readApps(value, surroundings);
  if (problems.length > 0) throw new ConfigError(problems.map((problem) => `${path}: ${problem}`));
  return apps;
}

function complete(
  dataDir: string,
  values: SettingValues,
  overrides: Overrides,
  apps: readonly ProxiedApp[],
): Config {
  const listen = overrides.listen ?? placeSocket(dataDir, values.listen);
  if (listen.kind === "unix" && Buffer.byteLength(listen.path) > longestSocketPath) {
    throw new ConfigError([
      `listen: the socket's path ${listen.path} is longer than ${longestSocketPath} bytes. Choose a shorter one, or a shorter data folder.`,
    ]);
  }
  const mail = mailOf(values, overrides);
  const hosts = hostsOf(values.server_name, values.mode, { hasMail: mail !== undefined, apps });
  return Object.freeze({
    mode: values.mode,
    dataDir,
    testing: values.mode === "test" ? overrides.testing : undefined,
    serverName: values.server_name,
    publicUrl: overrides.publicUrl ?? (values.public_url || `https://${values.server_name}`),
    listen: Object.freeze(listen),
    hosts,
    apps,
    matrix: Object.freeze({
      defaultRoomVersion: values["matrix.default_room_version"],
      maxUploadSize: values["matrix.max_upload_size"],
      maxResumableSize: values["matrix.max_resumable_size"],
      mediaQuota: values["matrix.media_quota"],
      mediaRetentionDays: values["matrix.media_retention_days"],
      urlPreviews: values["matrix.url_previews"],
      roomDirectory: values["matrix.room_directory"],
      presence: values["matrix.presence"],
      userDirectory: values["matrix.user_directory"],
      supportPage: values["matrix.support_page"],
      supportContact: values["matrix.support_contact"],
      livekitServiceUrl: values["matrix.livekit_service_url"],
      openidUserinfo: values["matrix.openid_userinfo"],
      // A test server's is one label, and it has no sign-in host.
      oauth: values.mode === "test" ? "off" : values["matrix.oauth"],
      notices: Object.freeze({
        name: values["matrix.notices_name"] || "Server notices",
        avatar: values["matrix.notices_avatar"],
      }),
      rateLimits:
        values.mode !== "test" && values["matrix.rate_limits.enabled"] ? ratesOf(values) : undefined,
    }),
    mail,
    sessions: Object.freeze({
      idleMs: values["sessions.idle_days"] * day,
      absoluteMs: values["sessions.absolute_days"] * day,
    }),
    oidcClients: values.oidc_client,
    edge: Object.freeze({
      worker: values["edge.worker"],
      vpcService: values["edge.vpc_service"],
      tunnelHost: values["edge.tunnel_host"],
      hstsStage: values["edge.hsts_stage"],
      accountId: values["edge.account_id"],
      alertMailTo: values["edge.alert_mail_to"],
    }),
    access: together(() =>
      accessOf(values, { mode: values.mode, serverName: values.server_name, hosts, apps }),
    ),
    honeypot: together(() => honeypotOf(values)),
    tunnel: Object.freeze({
      enabled: values["tunnel.enabled"],
      metricsPort: values["tunnel.metrics_port"],
    }),
    alerts: Object.freeze({
      ntfyUrl: values["alerts.ntfy_url"],
      webhookUrl: values["alerts.webhook_url"],
    }),
    outbound: Object.freeze({ through: values["outbound.through"] }),
    downloads: Object.freeze({
      cloudflared: ownPin(values, "cloudflared"),
      element_web: ownPin(values, "element_web"),
      cinny: ownPin(values, "cinny"),
    }),
    backup: Object.freeze({
      time: values["backup.time"],
      folder: values["backup.folder"],
      s3Url: values["backup.s3_url"],
      s3Region: values["backup.s3_region"],
      s3KeyId: values["backup.s3_key_id"],
      keep: Object.freeze({
        daily: values["backup.keep_daily"],
        weekly: values["backup.keep_weekly"],
        monthly: values["backup.keep_monthly"],
      }),
    }),
    log: Object.freeze({ level: values["log.level"] }),
  });
}

/** What only shows once all settings are known. */
function together<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof SettingError) throw new ConfigError([`${error.message}.`]);
    throw error;
  }
}

/** Off until it is turned on; a development folder shows it. */
function mailOf(values: SettingValues, overrides: Overrides): MailConfig | undefined {
  const isOn = values["mail.enabled"] === "" ? values.mode === "development" : values["mail.enabled"];
  if (!isOn) return undefined;
  return Object.freeze({
    domain: values["mail.domain"] || values.server_name,
    quota: values["mail.quota"],
    unknownRecipients: values["mail.unknown_recipients"],
    refusedAddresses: values["mail.refused_addresses"],
    bucketUrl: values["mail.bucket_url"],
    bucketRegion: values["mail.bucket_region"],
    bucketKeyId: values["mail.bucket_key_id"],
    relay: relayOf(values),
    relaySpf: values["mail.relay_spf"],
    dkimSelector: values["mail.dkim_selector"],
    lmtp: values["mail.lmtp"] || undefined,
    ...overrides.mailBucket,
  });
}

/** RFC 8314 §3.3: TLS from the first byte on 465, by STARTTLS elsewhere. */
function relayOf(values: SettingValues): RelayConfig | undefined {
  const host = values["mail.relay_host"];
  const port = values["mail.relay_port"];
  if (host === "") return undefined;
  const isHere = host === "localhost" || isLoopback(host);
  const security =
    isHere && values.mode !== "production" ? "none" : port === 465 ? ("tls" as const) : ("starttls" as const);
  return Object.freeze({ host, port, user: values["mail.relay_user"], security });
}

const ratesOf = (values: SettingValues): RatesPerMinute =>
  Object.freeze(
    Object.fromEntries(limitNames.map((name) => [name, values[`matrix.rate_limits.${name}`]])),
  ) as RatesPerMinute;

function ownPin(values: SettingValues, name: keyof DownloadsConfig): OwnPin | undefined {
  const pin = {
    version: values[`downloads.${name}.version`],
    url: values[`downloads.${name}.url`],
    sha256: values[`downloads.${name}.sha256`],
  };
  const missing = Object.entries(pin).filter(([, value]) => value === "");
  if (missing.length === 3) return undefined;
  if (missing.length > 0) {
    const keys = missing.map(([key]) => `downloads.${name}.${key}`).join(" and ");
    throw new ConfigError([
      `${keys} must be set too: a download is pinned by its version, its URL and its SHA-256.`,
    ]);
  }
  return Object.freeze(pin);
}

/** The default is the socket: no other app of the device can open or squat it. */
function placeSocket(dataDir: string, listen: ListenAddress | ""): ListenAddress {
  if (listen === "") return { kind: "unix", path: join(dataDir, "origin.sock") };
  if (listen.kind === "tcp" || isAbsolute(listen.path)) return listen;
  return { kind: "unix", path: join(dataDir, listen.path) };
}
