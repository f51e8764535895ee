import { DurableObject } from "cloudflare:workers";
import type { PanicLevel } from "../../shared/panic.ts";
import { judgeSilence, NOTHING_WATCHED, type News, type Watched } from "./judge-silence.ts";

interface Report {
  at: number;
  count: number;
}

/** What the isolates are told of the panic level. */
export interface PanicKept {
  /** The origin's, as it said last. */
  told: PanicLevel;
  /** Hash of the kill code with which the server was declared lost. */
  lostBy: string | null;
}

const RECENT_MS = 600_000;
const REPORTS_KEPT = 100;

/** The one place where the isolates of the edge know together: failed proofs, the panic level, the origin's silence. */
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

  async panic(): Promise<PanicKept> {
    const { storage } = this.ctx;
    return {
      told: (await storage.get<PanicLevel>("panic")) ?? "none",
      lostBy: (await storage.get<string>("lostBy")) ?? null,
    };
  }

  async notePanic(level: PanicLevel): Promise<void> {
    await this.ctx.storage.put("panic", level);
  }

  /** On disk when this returns: the runtime holds an answer back until its writes are. */
  async declareLost(killCodeHash: string): Promise<void> {
    await this.ctx.storage.put({ lostBy: killCodeHash, lostAt: Date.now() });
  }

  /** A sign of life, and the panic level in it. Written each time: 288 times a day. */
  async beat(panic: PanicLevel): Promise<void> {
    const watched = await this.#watched();
    await this.ctx.storage.put({ panic, watched: { ...watched, lastBeat: Date.now() } satisfies Watched });
  }

  /** Takes what the cron trigger has found, and says what the owner is to be told, until `announced`. */
  async judge(health: string): Promise<News | undefined> {
    const { watched, news } = judgeSilence(await this.#watched(), { health, now: Date.now() });
    await this.ctx.storage.put("watched", watched);
    return news;
  }

  async announced(kind: News["kind"]): Promise<void> {
    const watched = await this.#watched();
    await this.ctx.storage.put("watched", { ...watched, announced: kind } satisfies Watched);
  }

  /** The highest share of the day's requests, in percent, of which the owner was told; 0 on a new day. */
  async shareTold(day: string): Promise<number> {
    const told = await this.ctx.storage.get<{ day: string; share: number }>("shareTold");
    return told?.day === day ? told.share : 0;
  }

  async noteShareTold(day: string, share: number): Promise<void> {
    await this.ctx.storage.put("shareTold", { day, share });
  }

  async #reports(): Promise<Report[]> {
    return (await this.ctx.storage.get<Report[]>("reports")) ?? [];
  }

  async #watched(): Promise<Watched> {
    return (await this.ctx.storage.get<Watched>("watched")) ?? NOTHING_WATCHED;
  }
}
