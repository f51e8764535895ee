import { join } from "node:path";
import type { App, AppContext } from "./app.ts";
import { createHomeApp } from "./apps/home/home.ts";
import { createMatrixApp } from "./apps/matrix/matrix.ts";
import type { Config } from "./config/config.ts";
import { checkDataFolder } from "./config/data-folder.ts";
import { readEdgeKeys } from "./config/secrets.ts";
import { lockDataFolder } from "./host/data-lock.ts";
import { checkListener } from "./host/listener-audit.ts";
import type { Log } from "./host/log.ts";
import type { BoundAddress } from "./http/bind.ts";
import { createDispatch } from "./http/dispatch.ts";
import { createEdgeProof } from "./http/edge-proof.ts";
import { type Listener, startListener } from "./http/listener.ts";
import { openNonces } from "./http/nonces.ts";
import { createMembers } from "./members/create-members.ts";
import type { Members } from "./members/members.ts";
import { membersMigrations } from "./members/migrations.ts";
import { openBlobStore } from "./storage/blobs.ts";
import { openDatabases } from "./storage/databases.ts";

/** A running origin. */
export interface Origin {
  readonly config: Config;
  readonly address: BoundAddress;
  readonly members: Members;
  readonly apps: readonly App[];
  /** Ends waiting requests, lets the others finish for 1.5 s, closes the databases. Calling it twice is calling it once. */
  close(): Promise<void>;
}

/** Answers under way get so long at a stop, that a service manager or a person does not have to wait. */
const stopGraceMs = 1_500;

/**
 * Starts the origin on the data folder that the configuration names. Throws a typed error that says what to do
 * when the folder, its secrets or the listener cannot be used; nothing stays open then.
 */
export async function startOrigin(options: {
  config: Config;
  log: Log;
  now?: () => number;
}): Promise<Origin> {
  const { config, log, now = Date.now } = options;
  const cleanups: (() => unknown)[] = [];
  const stop = once(async () => {
    for (const cleanup of cleanups.toReversed()) {
      try {
        await cleanup();
      } catch (error) {
        // One part that cannot end well must not keep the others from it: the databases come last.
        log.error("origin.stop-failed", { error });
      }
    }
  });
  try {
    checkDataFolder(config.dataDir);
    const lock = lockDataFolder(config.dataDir);
    cleanups.push(() => lock.release());

    const keys = readEdgeKeys(config.dataDir);
    for (const key of keys) log.hide(key.slice(key.indexOf(".") + 1));
    const nonces = openNonces({ folder: join(config.dataDir, "nonces"), now });
    cleanups.push(() => nonces.close());
    const proof = createEdgeProof({ keys, now, nonces, panic: () => "none" });

    const databases = openDatabases(config.dataDir);
    cleanups.push(() => databases.close());
    const blobs = openBlobStore(join(config.dataDir, "blobs"));
    const members = createMembers({
      database: databases.open("members", membersMigrations),
      serverName: config.serverName,
      now,
      log,
    });
    cleanups.push(() => members.close());

    const openDatabase = databases.open.bind(databases);
    const context: AppContext = { config, log, members, blobs, now, openDatabase };
    const apps = [createHomeApp(context), createMatrixApp(context)];
    let listener: Listener | undefined;
    // Apps end their long-polls while the listener waits for the answers, so both at once.
    cleanups.push(() => Promise.all([listener?.close(stopGraceMs), ...apps.map((app) => app.close?.())]));

    const { listen, hosts } = config;
    listener = await startListener({
      listen,
      hosts,
      proof,
      dispatch: createDispatch({ hosts, apps, log }),
      log,
    });
    await checkListener(listener.address, log);

    lock.announce({ pid: process.pid, listen: listener.address.text, publicUrl: config.publicUrl });
    log.info("origin.started", { listen: listener.address.text, serverName: config.serverName });
    return { config, address: listener.address, members, apps, close: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Ctrl-C arrives twice (from the terminal and from npm): the second call waits for the first. */
function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= work());
}
