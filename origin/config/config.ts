import type { AccessPolicy } from "../../shared/access-policy.ts";
import type { OidcClient } from "./oidc-clients.ts";
import type { RatesPerMinute } from "../members/rate-limits.ts";
import type { ProxiedApp } from "./proxied-app.ts";

/** The validated configuration: frozen, complete, free of secrets. Made by read-config.ts. */
export interface Config {
  readonly mode: Mode;
  /** What `test-server` adds, and nothing else can: undefined in every other mode. */
  readonly testing: TestingConfig | undefined;
  readonly dataDir: string;
  /** The Matrix server name and apex host: `example.org`. */
  readonly serverName: string;
  /** What a client types: `https://example.org`, in development `http://127.0.0.1:PORT`. No trailing slash. */
  readonly publicUrl: string;
  readonly listen: ListenAddress;
  /** Public host (lower-case, no port) → app host (`apex`, `id`, …). */
  readonly hosts: ReadonlyMap<string, string>;
  /** Other people's programs that are shown behind the gate. */
  readonly apps: readonly ProxiedApp[];
  readonly matrix: MatrixConfig;
  /** Undefined: there is no mail here. */
  readonly mail: MailConfig | undefined;
  readonly sessions: SessionsConfig;
  /** Apps that let their people sign in here. */
  readonly oidcClients: readonly OidcClient[];
  readonly edge: EdgeConfig;
  /** Undefined: nothing is behind Cloudflare Access. */
  readonly access: AccessConfig | undefined;
  /** Undefined: it is off. */
  readonly honeypot: HoneypotConfig | undefined;
  readonly tunnel: TunnelConfig;
  readonly alerts: AlertsConfig;
  readonly outbound: OutboundConfig;
  readonly downloads: DownloadsConfig;
  readonly backup: BackupConfig;
  readonly log: { readonly level: "debug" | "info" | "warn" | "error" };
}

/**
 * What the data folder is for. `development` is what `dev` runs: loopback and *.localhost only. `test` is what
 * `test-server` runs for suites of others: no edge, and an account for whoever asks.
 */
export type Mode = "production" | "development" | "test";

export interface TestingConfig {
  /** With which a suite makes administrators (`/_synapse/admin/v1/register`); empty: that way is closed. */
  readonly sharedSecret: string;
}

export type ListenAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

export interface MatrixConfig {
  /** `10`, `11` or `12`. */
  readonly defaultRoomVersion: string;
  /** Bytes, of an upload in one request, and of one in parts. */
  readonly maxUploadSize: number;
  readonly maxResumableSize: number;
  /** Bytes that one member's uploads may take. */
  readonly mediaQuota: number;
  /** Days after its last use at which an upload is deleted; 0: never. */
  readonly mediaRetentionDays: number;
  /** Whether members' clients may have addresses fetched for a preview. */
  readonly urlPreviews: boolean;
  /** Whether members may publish rooms for each other to find. Without an account nobody ever sees one (M3). */
  readonly roomDirectory: "closed" | "members";
  /** Whether people see who is there. */
  readonly presence: "on" | "off";
  /** Whom members find by name: those of their rooms and of open ones, or everyone with an account. */
  readonly userDirectory: "rooms" | "members";
  /** For `/.well-known/matrix/support`; empty: not told. */
  readonly supportPage: string;
  /** An e-mail address or a Matrix user id. */
  readonly supportContact: string;
  /** Where clients get their way into a LiveKit call (MSC4143); empty: there is none. */
  readonly livekitServiceUrl: string;
  /** Whether services can check the tokens by which members show them who they are. */
  readonly openidUserinfo: "closed" | "open";
  /** Whether clients sign in by the OAuth 2.0 API, on the sign-in host, beside the password. */
  readonly oauth: "on" | "off";
  /** How the server itself is called and shown in the rooms of its notices; the avatar may be empty. */
  readonly notices: { readonly name: string; readonly avatar: string };
  /** Undefined: there are none. */
  readonly rateLimits: RatesPerMinute | undefined;
}

/** What is behind Cloudflare Access, and who signs in by it. */
export interface AccessConfig {
  /** `example.cloudflareaccess.com`. */
  readonly team: string;
  /** Where the keys are had in development and tests; undefined: at the team. */
  readonly certsUrl: string | undefined;
  /** What is left to tokens, the owner's paths, then what burrow.toml names: the later one wins. */
  readonly policies: readonly AccessPolicy[];
  /** E-mail in lower case → name of the member who is signed in by it in one step. */
  readonly mapEmail: ReadonlyMap<string, string>;
}

export interface MailConfig {
  /** What stands behind the @ of members' addresses. */
  readonly domain: string;
  /** Bytes of raw messages that one member may have. */
  readonly quota: number;
  /** Who gets what is for an address that nobody has. */
  readonly unknownRecipients: "owner" | "refuse";
  /** In lower case; refused at the edge, outright. */
  readonly refusedAddresses: readonly string[];
  /** Where the edge puts what arrives: an R2 bucket by its S3 interface. Empty: nothing is fetched. */
  readonly bucketUrl: string;
  readonly bucketRegion: string;
  readonly bucketKeyId: string;
  /** A mail server of this machine that is given all that arrives, too. */
  readonly lmtp: ListenAddress | undefined;
  /** By which mail leaves; undefined: what is for others waits. */
  readonly relay: RelayConfig | undefined;
  /** What the relay wants in the domain's SPF record: `include:spf.example.net`. Empty: not known. */
  readonly relaySpf: string;
  /** Under which the domain's DNS has the key that messages are signed with here. Empty: the relay signs them. */
  readonly dkimSelector: string;
}

export interface RelayConfig {
  readonly host: string;
  readonly port: number;
  /** Empty: it asks for no sign-in. */
  readonly user: string;
  /** TLS from the first byte, or by STARTTLS, without which nothing is said; `none` is for loopback while developing. */
  readonly security: "tls" | "starttls" | "none";
}

/** What is made of probes (row D1): seen they are in any case, everything else is turned on by itself. */
export interface HoneypotConfig {
  /** Whether a source of too many probes is refused, and for how long the first time. */
  readonly block: boolean;
  readonly blockHours: number;
  /** Whether a source of many wrong secrets or of many addresses that do not exist is refused for a while. */
  readonly jail: boolean;
  readonly decoys: boolean;
  /** By the alerts' own ways; in the owner's room of notices. */
  readonly alerts: boolean;
  readonly matrixAlerts: boolean;
  /** Addresses and networks that are never refused. */
  readonly safelist: readonly string[];
  /** Of the ledger; 0 days: for ever, as far as the rows go. */
  readonly retentionDays: number;
  readonly maxRows: number;
  /** Where blocks are also put into a list of the owner's account. */
  readonly cloudflare: { readonly account: string; readonly list: string } | undefined;
}

/** How long a browser stays signed in, in ms: without being used, and at the most. */
export interface SessionsConfig {
  readonly idleMs: number;
  readonly absoluteMs: number;
}

export interface TunnelConfig {
  /** Whether the supervisor runs cloudflared. */
  readonly enabled: boolean;
  /** Of cloudflared's figures and health, on 127.0.0.1. */
  readonly metricsPort: number;
}

/** Where alerts are sent; empty: not that way. Both are secrets: whoever knows a topic or a hook can use it. */
export interface AlertsConfig {
  /** `https://ntfy.example.org/topic`. */
  readonly ntfyUrl: string;
  readonly webhookUrl: string;
}

export interface BackupConfig {
  /** `03:30` of this machine's clock, or `off`. */
  readonly time: string;
  /** Empty: `backups` in the data folder. A relative one is in the data folder too. */
  readonly folder: string;
  /** Empty: the folder is the target. */
  readonly s3Url: string;
  readonly s3Region: string;
  readonly s3KeyId: string;
  readonly keep: { readonly daily: number; readonly weekly: number; readonly monthly: number };
}

export interface OutboundConfig {
  /** How what members choose is fetched: by this device, or by the edge, which keeps the device's address to itself. */
  readonly through: "direct" | "edge";
}

/** The owner's own pins of what can be downloaded. Undefined: what this release pins, if it does. */
export type DownloadsConfig = Readonly<Record<"cloudflared" | "element_web" | "cinny", OwnPin | undefined>>;

export interface OwnPin {
  readonly version: string;
  readonly url: string;
  /** 64 hexadecimal digits, lower case. */
  readonly sha256: string;
}

/** What `edge config` writes for wrangler: the names and ids of one deployment. Empty until it is made. */
export interface EdgeConfig {
  /** The Worker's name in the account. */
  readonly worker: string;
  /** Cloudflare's id of the Workers VPC service that leads to the origin. */
  readonly vpcService: string;
  /** The tunnel's hostname, where Access closes it to all but the Worker; empty: the VPC service is the way. */
  readonly tunnelHost: string;
  /** As shared/security-headers.ts reads it: `trial`, `day`, `long includeSubDomains` … */
  readonly hstsStage: string;
  /** Cloudflare's id of the account: its requests are counted, where a token for it is set. */
  readonly accountId: string;
  /** Where the edge mails its alerts; an address that Email Routing has verified. Empty: none is mailed. */
  readonly alertMailTo: string;
}
