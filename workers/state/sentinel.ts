import { DurableObject } from "cloudflare:workers";

interface Report {
  at: number;
  count: number;
}

const RECENT_MS = 600_000;
const REPORTS_KEPT = 100;

/** The one place where the isolates of the edge count together: proofs that failed. */
export class Sentinel extends DurableObject {
  /** Adds failures that an isolate saw since it last told of any. */
  async recordFailures(count: number): Promise<void> {
    const reports = await this.#reports();
    const now = Date.now();
    const kept = [...reports.filter((report) => report.at >= now - RECENT_MS), { at: now, count }];
    await this.ctx.storage.put({ reports: kept.slice(-REPORTS_KEPT), lastAt: now });
  }

  /** Failures of the last ten minutes, and the last one's time in unix milliseconds. */
  async failures(): Promise<{ recent: number; lastAt: number | null }> {
    const since = Date.now() - RECENT_MS;
    const recent = (await this.#reports()).filter((report) => report.at >= since);
    return {
      recent: recent.reduce((sum, report) => sum + report.count, 0),
      lastAt: (await this.ctx.storage.get<number>("lastAt")) ?? null,
    };
  }

  async #reports(): Promise<Report[]> {
    return (await this.ctx.storage.get<Report[]>("reports")) ?? [];
  }
}
