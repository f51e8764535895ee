import { join } from "node:path";
import type { App, AppContext } from "./app.ts";
import { createHoneypotApp } from "./apps/honeypot/honeypot.ts";
import { createHomeApp } from "./apps/home/home.ts";
import { createIdApp } from "./apps/id/id.ts";
import { createMatrixApp } from "./apps/matrix/matrix.ts";
import { createMetricsApp } from "./apps/metrics/metrics.ts";
import { createProxyApps } from "./apps/proxy/proxy.ts";
import { createOidcApp } from "./apps/oidc/oidc.ts";
import type { Config } from "./config/config.ts";
import { trustedHeaders } from "./config/proxied-app.ts";
import { checkDataFolder } from "./config/data-folder.ts";
import { hostNamed } from "./config/hosts.ts";
import { openSecrets, readEdgeKeys } from "./config/secrets.ts";
import { openTotpKeys } from "./config/totp-key.ts";
import { createGate } from "./gate/create-gate.ts";
import { createGuessLimits } from "./gate/guess-limits/create-guess-limits.ts";
import { createCanaryCheck } from "./gate/honeypot/canary.ts";
import { guardByHoneypot, watchGuesses } from "./gate/honeypot/guard.ts";
import { openHoneypot } from "./gate/honeypot/open-honeypot.ts";
import { throttleMigrations } from "./gate/guess-limits/migrations.ts";
import { closeDoor } from "./gate/panic/close-door.ts";
import { closeWayOut } from "./gate/panic/close-way-out.ts";
import { openPanicDatabase } from "./gate/panic/panic-database.ts";
import { createPanicLatch, type LatchLevel, type PanicLatch } from "./gate/panic/panic-latch.ts";
import { type Alerts, createAlerts } from "./host/alerts/alerts.ts";
import { watchHost } from "./host/alerts/watch-host.ts";
import { createBackups } from "./host/backup/backup.ts";
import { coreArea } from "./host/backup/registry.ts";
import { lockDataFolder } from "./host/data-lock.ts";
import { checkFileSystem, type FileSystemCalls } from "./host/file-system.ts";
import { readFact } from "./host/facts.ts";
import { createSignsOfLife, heartbeatFact } from "./host/heartbeat.ts";
import { openHostDatabase } from "./host/host-database.ts";
import { checkListener } from "./host/listener-audit.ts";
import type { Log } from "./host/log.ts";
import { startSupervisor, type Supervisor } from "./host/supervisor/supervisor.ts";
import { createMetrics } from "./host/metrics/metrics.ts";
import { noteAppChecks } from "./host/note-app-checks.ts";
import { createOutbound, type OutboundOptions } from "./host/outbound/outbound.ts";
import { settleUpdate } from "./host/update/settle.ts";
import { runningVersion } from "./host/version.ts";
import type { BoundAddress } from "./http/bind.ts";
import { createDispatch } from "./http/dispatch.ts";
import { createEdgeProof } from "./http/edge-proof.ts";
import { type Listener, startListener } from "./http/listener.ts";
import { openNonces } from "./http/nonces.ts";
import { createOpenProof } from "./http/open-proof.ts";
import { createMembers } from "./members/create-members.ts";
import type { Kdf } from "./members/kdf.ts";
import type { Members } from "./members/members.ts";
import { membersMigrations } from "./members/migrations.ts";
import { openBlobStore } from "./storage/blobs.ts";
import { diskFaultOf } from "./storage/disk-fault.ts";
import { openDatabases } from "./storage/databases.ts";

/** A running origin. */
export interface Origin {
  readonly config: Config;
  readonly address: BoundAddress;
  readonly members: Members;
  readonly apps: readonly App[];
  readonly alerts: Alerts;
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
  /** The file that names the programs to keep running; without it none is run, cloudflared neither. */
  servicesFile?: string;
  /** On a copy of the data, before an update: nothing goes out, nothing is run, nothing is scheduled. */
  trial?: boolean;
  /** The calls by which the data folder's file system is tried; a test puts in those of one that it has not. */
  fileSystem?: FileSystemCalls;
  /** In the place of the one on disk: in development there is another with each start. */
  mailBucketSecret?: string;
  /** Where calls to the outside end up; a test stands there itself. */
  outside?: Pick<OutboundOptions, "lookup" | "seam">;
  /** In the place of the usual one; a test counts its calls, or cannot wait for them. */
  kdf?: Kdf;
}): Promise<Origin> {
  const { config, log, now = Date.now, servicesFile, trial = false } = options;
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
    checkFileSystem(config.dataDir, options.fileSystem);
    await settleUpdate(config.dataDir, log);

    const panicDatabase = openPanicDatabase(config.dataDir);
    cleanups.push(() => panicDatabase.close());
    const panic = createPanicLatch(panicDatabase, now);
    cleanups.push(() => panic.close());

    const secrets = openSecrets(config, log);
    const metrics = createMetrics({ dataDir: config.dataDir, now });
    cleanups.push(() => metrics.close());
    const nonces = openNonces({ folder: join(config.dataDir, "nonces"), now });
    cleanups.push(() => nonces.close());
    const keys = secrets.edgeKeys();
    const proof = metrics.countAnswers(
      config.testing
        ? createOpenProof({ listen: config.listen, now })
        : createEdgeProof({ keys, now, nonces, panic: () => panic.level() }),
    );

    const databases = openDatabases(config.dataDir);
    cleanups.push(() => databases.close());
    const outbound = createOutbound({ config, log, now, ...options.outside });
    cleanups.push(() => outbound.close());
    const host = openHostDatabase(databases);
    const alerts = createAlerts({ database: host, outbound, config, secrets, log, now });
    cleanups.push(() => alerts.close());
    const watch = watchHost({
      alerts,
      metrics,
      database: host,
      clockSkew: () => proof.diagnosis().clockSkewSeconds,
      log,
    });
    cleanups.push(() => watch.close());

    const blobs = openBlobStore(join(config.dataDir, "blobs"));
    const members = createMembers({
      database: metrics.countWrites(databases.open("members", membersMigrations)),
      serverName: config.serverName,
      now,
      log,
      open: config.testing !== undefined,
      ...(options.kdf && { kdf: options.kdf }),
      signInsOpen: () => panic.level() === "none",
      webSessions: config.sessions,
      sealingKeys: openTotpKeys(config.dataDir, log),
    });
    cleanups.push(() => members.close());
    await sealAuthenticators(members, log);

    const openDatabase: AppContext["openDatabase"] = (name, migrations) =>
      metrics.countWrites(databases.open(name, migrations));
    const honeypot = openHoneypot({ config, openDatabase, alerts, outbound, secrets, log, now });
    cleanups.push(() => honeypot?.close());
    const limits = createGuessLimits({
      database: openDatabase("throttle", throttleMigrations),
      nameOf: (memberId) => members.get(memberId)?.name,
      now,
      limited: !config.testing,
      log,
    });
    cleanups.push(() => limits.close());
    const guesses = honeypot
      ? watchGuesses(limits, { honeypot, hasCanary: createCanaryCheck(keys) })
      : limits;
    const { serverName } = config;
    const signInHost = hostNamed(config.hosts, "id");
    const {
      gate,
      routes: gateRoutes,
      handOffs,
    } = createGate({ members, guesses, serverName, signInHost, now });
    const mailBucketSecret = (): string | undefined => {
      if (options.mailBucketSecret === undefined) return secrets.readOptional("mail-bucket-secret");
      log.hide(options.mailBucketSecret);
      return options.mailBucketSecret;
    };
    const context: AppContext = {
      config,
      log,
      members,
      gate,
      guesses,
      honeypot,
      alerts,
      blobs,
      outbound: closeWayOut(outbound, panic),
      now,
      openDatabase,
    };
    let supervisor: Supervisor | undefined;
    const matrix = createMatrixApp(context);
    const oidc = createOidcApp(context, {
      clientSecret: (clientId) => secrets.oidcClient(clientId),
      openMatrixSession: (member, device) => matrix.openDevice(member, { ...device, refreshable: true }),
    });
    // What reads and writes messages takes some megabytes, and mail is off until it is turned on.
    const mail = trial ? withoutBucket(config.mail) : config.mail;
    const mailApps = mail
      ? (await import("./apps/mail/mail.ts")).createMailApps(context, mail, {
          bucketSecret: mailBucketSecret(),
          readOptional: (name) => secrets.readOptional(name),
        })
      : [];
    const apps = [
      createHomeApp(context),
      createIdApp(context, {
        handOffs,
        panic,
        throttles: limits,
        lastSignOfLife: () => readFact(host, heartbeatFact)?.notedAt,
      }),
      // Before Matrix, which answers for what else there could be among the owner's operations.
      ...mailApps,
      matrix,
      oidc,
      ...createProxyApps(context),
      ...(honeypot ? [createHoneypotApp(honeypot, now)] : []),
      createMetricsApp(context, { metrics, alerts, services: () => supervisor?.status() ?? [] }),
    ];
    const areas = [...apps.map((app) => app.backup), coreArea];
    const backups = createBackups({ config, areas, database: host, outbound, log, now });
    cleanups.push(() => backups.close());
    const appChecks = noteAppChecks({ apps, database: host, now, log });
    cleanups.push(() => appChecks.close());
    let listener: Listener | undefined;
    // Apps end their long-polls while the listener waits for the answers, so both at once.
    cleanups.push(() => Promise.all([listener?.close(stopGraceMs), ...apps.map((app) => app.close?.())]));

    const { listen, hosts } = config;
    let dispatch = createDispatch({ hosts, apps, gateRoutes, log });
    if (config.access) {
      // What verifies its tokens takes some megabytes, and most servers have no Access.
      const { createAccessGate, guardByAccess } = await import("./gate/access/access-gate.ts");
      dispatch = guardByAccess(dispatch, createAccessGate({ config, outbound, members, now, log }));
    }
    listener = await startListener({
      listen,
      hosts,
      trusted: trustedHeaders(config.apps),
      proof,
      dispatch: closeDoor({
        dispatch: guardByHoneypot(dispatch, honeypot),
        panic,
        hosts,
      }),
      log,
    });
    const listening = listener;
    panic.onChange((level) => {
      if (level === "soft" || level === "hard") listening.cutUpgrades();
    });
    await checkListener(listener.address, log);

    const running = {
      pid: process.pid,
      listen: listener.address.text,
      publicUrl: config.publicUrl,
      version: runningVersion,
      startedAt: now(),
    };
    try {
      lock.announce(running);
    } catch (error) {
      // On a full disk everything can still be read: that is worth a start, though the command line does not see it.
      if (diskFaultOf(error) !== "full") throw error;
      log.warn("origin.not-announced", { error: String(error) });
    }
    if (servicesFile !== undefined && !trial) {
      const { address } = listener;
      const held = panic.level() === "hard";
      const started = await startSupervisor({ config, log, alerts, now, address, servicesFile, held });
      supervisor = started;
      cleanups.push(() => started.close());
      holdServices(started, panic, log);
    }
    if (config.mode === "production" && !trial) {
      backups.schedule(alerts);
      const { publicUrl } = config;
      const readKeys = (): readonly string[] => readEdgeKeys(config.dataDir);
      const signs = createSignsOfLife({ publicUrl, readKeys, outbound, panic, database: host, log, now });
      cleanups.push(() => signs.close());
    }
    log.info("origin.started", { listen: listener.address.text, serverName: config.serverName });
    return { config, address: listener.address, members, apps, alerts, close: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What a copy of the data fetches is gone from the bucket, and then with the copy. */
function withoutBucket(mail: Config["mail"]): Config["mail"] {
  return mail && { ...mail, bucketUrl: "" };
}

/** What cannot be done (a full disk) is done at the next start: until then they work as they are. */
async function sealAuthenticators({ totp }: Members, log: Log): Promise<void> {
  try {
    const { unreadable } = await totp.sealAll();
    if (unreadable > 0) log.error("members.authenticators-unreadable", { members: unreadable });
  } catch (error) {
    log.warn("members.authenticators-not-sealed", { error: String(error) });
  }
}

/** Services are stopped while the level is `hard`, and started again after it. */
function holdServices(supervisor: Supervisor, panic: PanicLatch, log: Log): void {
  const follow = (level: LatchLevel): void => {
    if (level !== "hard") return supervisor.release();
    supervisor.hold().catch((error: unknown) => log.error("panic.hold-failed", { error }));
  };
  panic.onChange(follow);
  // It may have changed while the supervisor started.
  follow(panic.level());
}

/** Ctrl-C arrives twice (from the terminal and from npm): the second call waits for the first. */
function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= work());
}
