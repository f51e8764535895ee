import type { Probe } from "../../../shared/probe-report.ts";
import type { ScannerFamily } from "../../../shared/scanner-rules.ts";
import type { Database } from "../../storage/database.ts";

/** What is written of a probe. */
export interface ProbeEntry extends Probe {
  readonly source: string;
  readonly family: ScannerFamily;
  /** What its source had gathered with it. */
  readonly score: number;
}

export interface ProbeRecord extends ProbeEntry {
  readonly seq: number;
}

export interface ProbeStatistics {
  readonly probes: number;
  readonly sources: number;
  /** The most frequent first. */
  readonly families: readonly { readonly family: string; readonly probes: number }[];
  readonly rules: readonly { readonly rule: string; readonly probes: number }[];
}

/** The probes that were seen, in honeypot.db: bounded by age and by number. */
export interface Ledger {
  write(entries: readonly ProbeEntry[]): Promise<void>;
  /** The newest first, those before `before`, of one source where it is given. */
  list(page: { before: number; limit: number; source?: string | undefined }): ProbeRecord[];
  statistics(since: number): ProbeStatistics;
  tidy(): Promise<void>;
}

const SHOWN = 20;
const DAY_MS = 24 * 60 * 60 * 1000;

export function openLedger(
  database: Database,
  bounds: { retentionDays: number; maxRows: number },
  now: () => number,
): Ledger {
  const columns =
    "source, address, country, host, method, target, rule, family, outcome, count, score, first_at, last_at";
  const insert = database.prepare(`INSERT INTO probe (${columns}) VALUES (${columns.replace(/\w+/g, "?")})`);
  const trim = database.prepare("DELETE FROM probe WHERE seq <= (SELECT max(seq) FROM probe) - ?");
  const expire = database.prepare("DELETE FROM probe WHERE last_at < ?");
  const shown = `seq, ${columns.replace("first_at", "first_at AS firstAt").replace("last_at", "last_at AS lastAt")}`;
  const all = database.prepare<ProbeRecord>(
    `SELECT ${shown} FROM probe WHERE seq < ? ORDER BY seq DESC LIMIT ?`,
  );
  const ofSource = database.prepare<ProbeRecord>(
    `SELECT ${shown} FROM probe WHERE source = ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
  );
  const sum = database.prepare<{ probes: number; sources: number }>(
    "SELECT coalesce(sum(count), 0) AS probes, count(DISTINCT source) AS sources FROM probe WHERE last_at >= ?",
  );
  const by = <Name extends "family" | "rule">(name: Name) =>
    database.prepare<{ probes: number } & Record<Name, string>>(
      `SELECT ${name}, sum(count) AS probes FROM probe WHERE last_at >= ? GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ${SHOWN}`,
    );
  const byFamily = by("family");
  const byRule = by("rule");

  return {
    write: (entries) =>
      database.write(() => {
        for (const entry of entries) {
          const { source, address, country, host, method, target, rule, family } = entry;
          const { outcome, count, score, firstAt, lastAt } = entry;
          const what = [source, address, country, host, method, target, rule, family, outcome];
          insert.run(...what, count, score, firstAt, lastAt);
        }
        trim.run(bounds.maxRows);
      }),
    list: ({ before, limit, source }) =>
      source === undefined ? all.all(before, limit) : ofSource.all(source, before, limit),
    statistics: (since) => ({
      ...(sum.get(since) ?? { probes: 0, sources: 0 }),
      families: byFamily.all(since),
      rules: byRule.all(since),
    }),
    tidy: () =>
      database.write(() => {
        if (bounds.retentionDays > 0) expire.run(now() - bounds.retentionDays * DAY_MS);
        trim.run(bounds.maxRows);
      }),
  };
}
