import { setTimeout as sleep } from "node:timers/promises";
import { readEdgeKeys } from "../config/secrets.ts";
import { findRunning } from "../host/data-lock.ts";
import { askDaemon } from "../host/ask-daemon.ts";
import { CommandError, type Invocation } from "./command.ts";
import { withMembers } from "./open-members.ts";

/** The running daemon's own API for the owner (docs/admin-api.md). */
export interface OwnersApi {
  /** `path` continues `/_burrow/admin/v1`. Throws CommandError with what the daemon says. */
  ask<T>(method: string, path: string, body?: object): Promise<T>;
  /**
   * Asks for a job, and waits for its end, unless the command line says --no-wait. Throws CommandError where it ended
   * otherwise than done.
   */
  runJob(method: string, path: string, body: object): Promise<{ job: JobReport; waited: boolean }>;
}

interface JobReport {
  readonly id: number;
  readonly state: "waiting" | "running" | "done" | "failed" | "cancelled";
  readonly done: number;
  readonly total: number | null;
  readonly error: string | null;
  readonly ended_at: string | null;
}

const lookMs = 200;
const patienceMs = 30_000;

/**
 * What touches rooms is the daemon's work, which holds them in memory: the command line asks it, the way the edge
 * would, with a ticket that it writes into the data folder. Throws CommandError when none is running.
 */
export function withOwnersApi<T>(invocation: Invocation, work: (api: OwnersApi) => Promise<T>): Promise<T> {
  return withMembers(invocation, async (members, config) => {
    const running = findRunning(config.dataDir);
    if (!running) {
      throw new CommandError('Burrow is not running, and this is its own work. Start it with "burrow up".');
    }
    const edgeKey = readEdgeKeys(config.dataDir)[0] ?? "";
    const token = await members.createTicket();

    async function ask<Answer>(method: string, target: string, body?: object): Promise<Answer> {
      const [path = "", query = ""] = `/_burrow/admin/v1${target}`.split("?");
      const answer = await askDaemon({
        listen: running?.listen ?? "",
        edgeKey,
        host: config.serverName,
        path,
        query,
        timeoutMs: patienceMs,
        method,
        token,
        ...(body && { body }),
      });
      if (!answer) throw new CommandError('Burrow runs and does not answer. "burrow doctor" tells more.');
      const told = parse(answer.text);
      if (answer.status !== 200) {
        const { error } = told;
        throw new CommandError(typeof error === "string" ? error : `The daemon answered ${answer.status}.`);
      }
      return told as Answer;
    }

    async function finish(job: JobReport): Promise<JobReport> {
      let now = job;
      while (now.ended_at === null) {
        await sleep(lookMs);
        now = await ask<JobReport>("GET", `/jobs/${job.id}`);
      }
      if (now.state === "done") return now;
      throw new CommandError(now.error ?? `The work was ${now.state}: ${now.done} steps of it are done.`);
    }

    async function runJob(method: string, path: string, body: object) {
      const { job } = await ask<{ job: JobReport }>(method, path, body);
      const waited = invocation.options["no-wait"] !== true;
      return { job: waited ? await finish(job) : job, waited };
    }

    try {
      return await work({ ask, runJob });
    } finally {
      await members.endTicket(token);
    }
  });
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
