import { CERTS_MAX_BYTES, certsUrlOf } from "../../../shared/access-certs.ts";
import type { Config } from "../../config/config.ts";

/** One row of the table: who may cause such a request, where it may go, and how much it may cost. */
export interface PurposeRow {
  readonly causedBy: string;
  readonly goesTo: string;
  /** The code that asks; or, until that is there, the part that will. */
  readonly users: readonly string[] | { readonly awaited: string };
  /** Origins (`https://host:port`, `smtp://host:port` of a bare connection) that it may go to; "public": any public address, by the guarded rules. */
  readonly destinations: (config: Config) => readonly string[] | "public";
  readonly methods: readonly string[];
  /** Redirects that are followed, each judged as the first address was. With none a redirect is the answer. */
  readonly mostRedirects: number;
  /** For the whole of it, redirects and body too: milliseconds when nothing is asked for, and at most. */
  readonly timeMs: { readonly usual: number; readonly most: number };
  /** Of the answer's body, decoded. */
  readonly bytes: { readonly usual: number; readonly most: number };
}

const MINUTE_MS = 60_000;
const MB = 1_000_000;
const ANY_METHOD = ["GET", "HEAD", "POST", "PUT", "DELETE"];

/** Every request that the daemon sends out (S2). What is not in this table does not leave. */
export const outboundPurposes = {
  access: {
    causedBy: "requests to what is behind Cloudflare Access, once an hour and where a key is unknown",
    goesTo: "the team's own domain, access.team, for its public keys",
    users: ["origin/gate/access/access-gate.ts"],
    destinations: ({ access }) =>
      access === undefined ? [] : originsOf([access.certsUrl ?? certsUrlOf(access.team)]),
    methods: ["GET"],
    mostRedirects: 0,
    timeMs: { usual: 5_000, most: 15_000 },
    bytes: { usual: CERTS_MAX_BYTES, most: CERTS_MAX_BYTES },
  },
  alert: {
    causedBy: "the host, when something is wrong with it",
    goesTo: "the owner's ntfy topic and webhook, alerts.*",
    users: ["origin/host/alerts/ports.ts"],
    destinations: ({ alerts }) => originsOf([alerts.ntfyUrl, alerts.webhookUrl]),
    methods: ["POST"],
    mostRedirects: 0,
    timeMs: { usual: 15_000, most: MINUTE_MS },
    bytes: { usual: 64_000, most: MB },
  },
  backup: {
    causedBy: "the backup schedule, and the owner by the command line",
    goesTo: "the owner's bucket",
    users: ["origin/host/backup/target-s3.ts"],
    destinations: ({ backup }) => originsOf([backup.s3Url]),
    methods: ANY_METHOD,
    mostRedirects: 0,
    timeMs: { usual: 10 * MINUTE_MS, most: 24 * 60 * MINUTE_MS },
    bytes: { usual: 16 * MB, most: Number.MAX_SAFE_INTEGER },
  },
  cloudflare: {
    causedBy: "blocks of the honeypot, where honeypot.cloudflare is on",
    goesTo: "Cloudflare's API, for one list of the owner's account",
    users: ["origin/gate/honeypot/cloudflare-list.ts"],
    destinations: ({ honeypot }) =>
      honeypot?.cloudflare === undefined ? [] : ["https://api.cloudflare.com"],
    methods: ["PUT"],
    mostRedirects: 0,
    timeMs: { usual: 20_000, most: MINUTE_MS },
    bytes: { usual: 64_000, most: MB },
  },
  download: {
    causedBy: "the owner, by the command line",
    goesTo: "where the pinned programs are released, and where the owner's own pins say",
    users: ["origin/host/downloads/fetch-verified.ts"],
    destinations: ({ downloads }) => [
      "https://github.com",
      // Where github.com sends on to for the files of a release.
      "https://objects.githubusercontent.com",
      "https://release-assets.githubusercontent.com",
      ...originsOf(Object.values(downloads).map((pin) => pin?.url ?? "")),
    ],
    methods: ["GET", "HEAD"],
    mostRedirects: 5,
    timeMs: { usual: 30 * MINUTE_MS, most: 6 * 60 * MINUTE_MS },
    bytes: { usual: 200 * MB, most: 1_000 * MB },
  },
  edge: {
    causedBy: 'guarded requests, where outbound.through is "edge"; and signs of life, every five minutes',
    goesTo: "this server's own public URL",
    users: ["origin/host/heartbeat.ts", "origin/host/outbound/outbound.ts"],
    destinations: ({ publicUrl }) => originsOf([publicUrl]),
    methods: ["POST"],
    mostRedirects: 0,
    timeMs: { usual: 30_000, most: MINUTE_MS },
    bytes: { usual: 10 * MB, most: 32 * MB },
  },
  guarded: {
    causedBy: "signed-in members: feeds, previews, sources",
    goesTo: "any public address",
    users: ["origin/apps/matrix/media/url-previews.ts"],
    destinations: () => "public",
    methods: ["GET", "HEAD", "POST"],
    mostRedirects: 5,
    timeMs: { usual: 30_000, most: MINUTE_MS },
    bytes: { usual: 10 * MB, most: 32 * MB },
  },
  mail: {
    causedBy: "mail that has arrived at the edge, and a look every few minutes whether some has",
    goesTo: "the bucket in which the edge keeps it, mail.bucket_url",
    users: ["origin/apps/mail/arriving/bucket.ts"],
    destinations: ({ mail }) => originsOf([mail?.bucketUrl ?? ""]),
    methods: ["GET", "POST"],
    mostRedirects: 0,
    timeMs: { usual: MINUTE_MS, most: 120 * MINUTE_MS },
    bytes: { usual: 32 * MB, most: 64 * MB },
  },
  push: {
    causedBy:
      "messages for members, whose chat apps have named a push gateway, and mail programs a push service",
    goesTo: "any public address, by https",
    users: ["origin/apps/mail/push/push.ts", "origin/apps/matrix/push/gateway.ts"],
    destinations: () => "public",
    methods: ["POST"],
    mostRedirects: 0,
    timeMs: { usual: 20_000, most: MINUTE_MS },
    bytes: { usual: 64_000, most: 64_000 },
  },
  relay: {
    causedBy: "members who send mail, and hourly the look whether they could",
    goesTo: "the owner's mail relay, mail.relay_host: a connection for SMTP, in TLS",
    users: ["origin/apps/mail/sending/relay.ts"],
    destinations: ({ mail }) => (mail?.relay ? [`smtp://${mail.relay.host}:${mail.relay.port}`] : []),
    methods: [],
    mostRedirects: 0,
    timeMs: { usual: 10_000, most: 10_000 },
    bytes: { usual: 0, most: 0 },
  },
} as const satisfies Record<string, PurposeRow>;

export type OutboundPurpose = keyof typeof outboundPurposes;

/** The origins of those URLs that are set. */
function originsOf(urls: readonly string[]): string[] {
  return urls.filter((url) => url !== "").map((url) => new URL(url).origin);
}
