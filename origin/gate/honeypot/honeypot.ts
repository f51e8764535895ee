import { networksOf } from "../../../shared/client-networks.ts";
import { findRuleById } from "../../../shared/scanner-rules.ts";
import type { ScannerRule } from "../../../shared/scanner-rules.ts";
import type { Probe } from "../../../shared/probe-report.ts";
import type { HoneypotConfig } from "../../config/config.ts";
import type { Alerts } from "../../host/alerts/alerts.ts";
import type { Log } from "../../host/log.ts";
import type { RequestContext } from "../../http/request-context.ts";
import type { Database } from "../../storage/database.ts";
import { type Block, type Blocks, openBlocks } from "./blocks.ts";
import { type Ledger, openLedger, type ProbeEntry } from "./ledger.ts";
import { createSafelist } from "./safelist.ts";
import { createScores } from "./scores.ts";
import { openTrusted } from "./trusted.ts";

/** What the owner asked for cannot be done; the message says what to do. */
export class HoneypotError extends Error {
  override name = "HoneypotError";
}

/** The honeypot (row D1): what the edge's scanner and the origin itself have seen, and whom that keeps out. */
export interface Honeypot {
  readonly settings: HoneypotConfig;
  readonly ledger: Pick<Ledger, "list" | "statistics">;
  readonly blocks: Pick<Blocks, "list" | "version" | "onChange">;
  /** Whether nobody at this address gets in now. */
  refuses(address: string): boolean;
  /** Writes the edge's report down and draws its consequences. */
  takeProbes(probes: readonly Probe[]): Promise<void>;
  /** A decoy's password was tried as a secret of ours. */
  takeReplay(context: RequestContext, what: string): Promise<void>;
  /** Looks at what became of a request; never throws, and nobody waits for it. */
  noteAnswer(context: RequestContext, path: string, status: number): void;
  describe(source: string): { score: number; trusted: boolean; safe: boolean; block: Block | undefined };
  /** The source that an address or a CIDR text means. Throws HoneypotError. */
  sourceOf(text: string): string;
  /** The owner's word. Throws HoneypotError where the source is on the safelist. */
  block(source: string, forMs: number, reason: string): Promise<Block>;
  unblock(source: string): Promise<boolean>;
  /** Called with what the owner's room is to hear, where `matrixAlerts` is on. */
  onNews(listener: (text: string) => void): void;
  close(): Promise<void>;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Points at which a source is refused. */
const LIMIT = 100;
const PROBES_HALVE_IN = HOUR_MS;
/** So often the same probe of one report counts. */
const REPEATS_COUNTED = 3;

/** Some twelve wrong secrets within five minutes, or twice as many addresses that do not exist. */
const JAIL_HALVES_IN = 150 * SECOND_MS;
const WRONG_SECRET = 10;
const UNKNOWN_ADDRESS = 5;
const JAILED_FOR = 15 * MINUTE_MS;
const JAILED_AT_MOST = 24 * HOUR_MS;
const BLOCKED_AT_MOST = 30 * 24 * HOUR_MS;

const NEWS_EVERY = HOUR_MS;
const TIDY_EVERY = HOUR_MS;

/** What is asked for by programs that mean no harm: browsers, crawlers, and Matrix clients that try what is newer than we. */
const ASKED_UNASKED =
  /^\/(?:_matrix|_synapse|\.well-known|dav|jmap)(?:\/|$)|^\/(?:favicon|apple-touch-icon|robots|sitemap|ads|manifest|site\.webmanifest|browserconfig|config|sw|service-worker|autodiscover|mail\/config)[\w./-]*$/i;

export function createHoneypot(options: {
  settings: HoneypotConfig;
  /** Opened with `honeypotMigrations`; stays the caller's. */
  database: Database;
  alerts: Pick<Alerts, "raise" | "clear">;
  log: Log;
  now: () => number;
}): Honeypot {
  const { settings, database, alerts, log, now } = options;
  const isSafe = createSafelist(settings.safelist);
  const ledger = openLedger(database, settings, now);
  const blocks = openBlocks(database, now);
  const trusted = openTrusted(database, now);
  const probeScores = createScores(PROBES_HALVE_IN);
  const jailScores = createScores(JAIL_HALVES_IN);
  const listeners: ((text: string) => void)[] = [];
  let news: string[] = [];
  let newsAt = Number.NEGATIVE_INFINITY;
  let newsTimer: NodeJS.Timeout | undefined;

  const tidy = (): void => {
    const works = [ledger.tidy(), blocks.tidy(), trusted.tidy()];
    Promise.all(works).catch((error: unknown) => log.error("honeypot.tidy-failed", { error }));
    if (blocks.list().length === 0) alerts.clear("honeypot-block");
  };
  tidy();
  const hourly = setInterval(tidy, TIDY_EVERY).unref();

  function tell(text: string): void {
    if (!settings.matrixAlerts) return;
    if (news.length < 10) news.push(text);
    if (newsTimer !== undefined) return;
    newsTimer = setTimeout(sendNews, Math.max(0, newsAt + NEWS_EVERY - now())).unref();
  }

  function sendNews(): void {
    newsTimer = undefined;
    newsAt = now();
    const text = news.join("\n");
    news = [];
    for (const listener of listeners) listener(text);
  }

  async function refuse(block: Omit<Block, "times" | "since" | "until">, firstMs: number, mostMs: number) {
    const { source } = block;
    if (blocks.find(source) !== undefined) return;
    // Who comes back is refused for twice as long each time.
    const forMs = Math.min(mostMs, firstMs * 2 ** Math.min(20, blocks.times(source)));
    const since = now();
    await blocks.put({ ...block, since, until: since + forMs });
    const until = new Date(since + forMs).toISOString().slice(0, 16).replace("T", " ");
    const detail = `${source} is refused until ${until} UTC: ${block.reason}. "burrow honeypot show ${source}" tells more.`;
    log.warn("honeypot.blocked", { source, kind: block.kind, reason: block.reason });
    if (settings.alerts)
      alerts.raise({ id: "honeypot-block", severity: "warning", title: "A source is refused", detail });
    tell(detail);
  }

  /** Whether counting may refuse the source. */
  const mayRefuse = (address: string, source: string): boolean => !isSafe(address) && !trusted.has(source);

  async function weigh(probe: Probe, rule: ScannerRule): Promise<ProbeEntry | undefined> {
    const source = networksOf(probe.address).sources[0].text;
    if (source === "unknown") return undefined;
    const points = rule.weight * Math.min(probe.count, REPEATS_COUNTED);
    const score = probeScores.add(source, points, now());
    if (rule.family === "canary") {
      const detail = `A password that only our decoys have was tried from ${source}: somebody read one and came back.`;
      if (settings.alerts)
        alerts.raise({ id: "honeypot-replay", severity: "warning", title: "A decoy was believed", detail });
      tell(detail);
    }
    if (settings.block && score >= LIMIT && mayRefuse(probe.address, source)) {
      const reason = `${rule.id} and what came before, ${Math.round(score)} points`;
      await refuse({ source, kind: "probes", reason }, settings.blockHours * HOUR_MS, BLOCKED_AT_MOST);
    }
    // A target may hold what somebody pasted into it.
    return { ...probe, target: log.redact(probe.target), source, family: rule.family, score };
  }

  async function takeProbes(probes: readonly Probe[]): Promise<void> {
    const entries: ProbeEntry[] = [];
    for (const probe of probes) {
      // An edge of another version may know rules that we do not.
      const rule = findRuleById(probe.rule);
      const entry = rule && (await weigh(probe, rule));
      if (entry) entries.push(entry);
    }
    if (entries.length > 0) await ledger.write(entries);
  }

  function jail(address: string, points: number, what: string): void {
    const source = networksOf(address).sources[0].text;
    if (source === "unknown" || jailScores.add(source, points, now()) < LIMIT) return;
    jailScores.forget(source);
    if (!mayRefuse(address, source)) return;
    const reason = `many ${what} within a few minutes`;
    refuse({ source, kind: "jail", reason }, JAILED_FOR, JAILED_AT_MOST).catch((error: unknown) =>
      log.error("honeypot.not-jailed", { error }),
    );
  }

  return {
    settings,
    ledger,
    blocks,
    takeProbes,
    refuses(address) {
      if (blocks.isEmpty() || blocks.find(networksOf(address).sources[0].text) === undefined) return false;
      return !isSafe(address);
    },
    async takeReplay({ client }, what) {
      const at = now();
      await takeProbes([
        {
          address: client.address,
          host: client.host,
          method: "",
          target: what,
          rule: "canary/replay",
          count: 1,
          firstAt: at,
          lastAt: at,
          outcome: "replay",
          country: client.country,
        },
      ]);
    },
    noteAnswer({ client, guess, identity }, path, status) {
      if (guess === "ok" || identity !== undefined)
        return trusted.see(networksOf(client.address).sources[0].text);
      if (!settings.jail) return;
      if (guess === "failed") return jail(client.address, WRONG_SECRET, "wrong secrets");
      if (status === 404 && !ASKED_UNASKED.test(path))
        jail(client.address, UNKNOWN_ADDRESS, "addresses that do not exist");
    },
    describe: (source) => ({
      score: Math.round(probeScores.of(source, now())),
      trusted: trusted.has(source),
      safe: isSafe(source.split("/")[0] ?? ""),
      block: blocks.find(source),
    }),
    sourceOf(text) {
      const [address = "", bits] = text.split("/");
      const source = networksOf(address).sources[0].text;
      if (source === "unknown")
        throw new HoneypotError(`"${text}" is no address, such as 203.0.113.7 or 2001:db8::1.`);
      if (bits !== undefined && bits !== source.split("/")[1])
        throw new HoneypotError("A source is one IPv4 address, or one IPv6 /64: leave out the rest.");
      return source;
    },
    async block(source, forMs, reason) {
      if (isSafe(source.split("/")[0] ?? ""))
        throw new HoneypotError(`${source} is on the safelist: take it out of honeypot.safelist first.`);
      const since = now();
      return await blocks.put({ source, kind: "owner", since, until: since + forMs, reason });
    },
    async unblock(source) {
      probeScores.forget(source);
      jailScores.forget(source);
      return await blocks.remove(source);
    },
    onNews: (listener) => void listeners.push(listener),
    async close() {
      clearInterval(hourly);
      clearTimeout(newsTimer);
      await trusted.close();
    },
  };
}
