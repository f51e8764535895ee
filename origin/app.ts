import type { Hono } from "hono";
import type { Config } from "./config/config.ts";
import type { Gate } from "./gate/gate.ts";
import type { GuessLimits } from "./gate/guess-limits/guess-limits.ts";
import type { Honeypot } from "./gate/honeypot/honeypot.ts";
import type { Alerts } from "./host/alerts/alerts.ts";
import type { Log } from "./host/log.ts";
import type { Outbound } from "./host/outbound/outbound.ts";
import type { HttpEnv } from "./http/request-context.ts";
import type { Members } from "./members/members.ts";
import type { BlobStore } from "./storage/blobs.ts";
import type { Database, Migration } from "./storage/database.ts";

/** What an app is given: everything it may touch. Built once, by main.ts. */
export interface AppContext {
  readonly config: Config;
  readonly log: Log;
  readonly members: Members;
  /** Who asks, and whether they may enter. */
  readonly gate: Gate;
  /** Every route on which a secret can be tried goes through this. */
  readonly guesses: GuessLimits;
  /** Undefined while it is off. */
  readonly honeypot: Honeypot | undefined;
  /** Tells the owner. */
  readonly alerts: Pick<Alerts, "raise" | "clear">;
  /** Of the Matrix app alone: it deletes what no row of its own needs. Another app opens a store in another folder. */
  readonly blobs: BlobStore;
  readonly outbound: Pick<Outbound, "fetch" | "connect">;
  /** Unix time in milliseconds. An argument, so that a test can hold it still. */
  readonly now: () => number;
  /** Opens (and migrates) the app's own database, closed at shutdown after the app. */
  openDatabase(name: string, migrations: readonly Migration[]): Database;
}

/** One line of `doctor`. */
export interface Check {
  name: string;
  status: "ok" | "warning" | "failed";
  /** What was found. */
  detail: string;
  /** Unless ok: what comes of it, and the command or the act that mends it. */
  why?: string;
  mend?: string;
}

/** An app is a value: its routes, and what the host must know to keep, check and stop it. */
export interface App {
  readonly name: string;
  /** The host it serves: `apex`, or its own name for `NAME.<server name>`. Apps of one host share its paths. */
  readonly host: string;
  readonly routes: Hono<HttpEnv>;
  /** The databases and blob folders that a backup must hold, by name. */
  readonly backup: { databases: readonly string[]; blobs: readonly string[] };
  doctor?(): Promise<Check[]> | Check[];
  /** Ends waiting requests at once (long-polls, event streams) and stops timers. */
  close?(): Promise<void> | void;
}
