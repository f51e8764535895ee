import { statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { chooseDataFolder } from "../config/data-folder.ts";
import { readEdgeKeys } from "../config/secrets.ts";
import { openPanicDatabase } from "../gate/panic/panic-database.ts";
import {
  createPanicLatch,
  type Latched,
  type LatchLevel,
  type PanicLatch,
} from "../gate/panic/panic-latch.ts";
import { askDaemon } from "../host/ask-daemon.ts";
import { findRunning, type Running } from "../host/data-lock.ts";
import { answer, type Command, CommandError, type Invocation, textOption } from "./command.ts";
import { openConfig, withMembers } from "./open-members.ts";

/** What each level does, as a person is told it. */
const meanings: Readonly<Record<LatchLevel, string>> = {
  none: "No panic is in force.",
  logins: "Nobody signs in any more; who is signed in stays so.",
  soft: "Nobody is answered.",
  hard: "Nobody is answered, the services are stopped, and nothing goes out for the apps.",
};

/** What the daemon makes of it. */
type Following = "in-force" | "not-running" | "unknown";

const levels = (["soft", "hard", "logins"] as const).map(
  (level): Command => ({
    name: `panic ${level}`,
    usage: "",
    summary: `Closes the server until "panic clear": ${meanings[level].charAt(0).toLowerCase()}${meanings[level].slice(1, -1)}.`,
    words: 0,
    run: (invocation) =>
      withLatch(invocation, async (latch, dataDir) => {
        const latched = await latch.set(level);
        const stronger =
          latched.level === level
            ? []
            : [`${latched.level} is in force already and closes more, so it stays. "panic clear" ends it.`];
        return await tell(invocation, { dataDir, latched, before: stronger });
      }),
  }),
);

const clear: Command = {
  name: "panic clear",
  usage: "",
  summary: "Ends the panic. What the edge was told through Cloudflare stays until it is ended there.",
  words: 0,
  run: (invocation) =>
    withLatch(invocation, async (latch, dataDir) => {
      await latch.clear();
      return await tell(invocation, { dataDir, latched: latch.latched() });
    }),
};

const status: Command = {
  name: "panic status",
  usage: "",
  summary: "Shows which level is in force on the device. Exit code 1 while one is.",
  words: 0,
  run: (invocation) =>
    withLatch(invocation, async (latch, dataDir) => {
      const latched = latch.latched();
      await tell(invocation, { dataDir, latched });
      return latched.level === "none" ? 0 : 1;
    }),
};

const revokeAll: Command = {
  name: "panic revoke-all",
  usage: "",
  summary: "Ends every session, key, invite and ticket of everybody, once. Passwords stay.",
  words: 0,
  run: (invocation) =>
    withMembers(invocation, async (members) => {
      const ended = await members.revokeAll();
      answer(invocation, { ended }, [
        `Ended: ${ended.devices} sessions of devices and ${ended.browsers} of browsers, ${ended.keys} API keys and app passwords, ${ended.invites} invites, and every set-up link and ticket.`,
        "Passwords stay. Whose password may be known gets a new one: burrow member reset-password NAME",
        'To let nobody sign in until then: burrow panic logins. This command itself closes nothing: "burrow panic status" tells what is closed.',
      ]);
      return 0;
    }),
};

/** In the order of their reach. */
export const panicCommands: readonly Command[] = [...levels, revokeAll, clear, status];

/**
 * Opens the latch beside a running daemon or without one. Needs neither settings nor secrets, and does not wait for a
 * restore: it must work when nothing else does.
 */
async function withLatch(
  invocation: Invocation,
  work: (latch: PanicLatch, dataDir: string) => Promise<number>,
): Promise<number> {
  const dataDir = chooseDataFolder(textOption(invocation, "data"), invocation.environment);
  if (!statSync(dataDir, { throwIfNoEntry: false })?.isDirectory())
    throw new CommandError(`There is no data folder ${dataDir}. Name the server's with --data DIR.`);
  const database = openPanicDatabase(dataDir);
  const latch = createPanicLatch(database, Date.now);
  try {
    return await work(latch, dataDir);
  } finally {
    latch.close();
    await database.close();
  }
}

async function tell(
  invocation: Invocation,
  { dataDir, latched, before = [] }: { dataDir: string; latched: Latched; before?: readonly string[] },
): Promise<number> {
  const { level, since } = latched;
  const running = findRunning(dataDir);
  const daemon = running ? await awaitDaemon(invocation, running, level) : "not-running";
  const time = level === "none" ? null : new Date(since).toISOString();
  answer(invocation, { level, since: time, daemon }, [
    ...before,
    level === "none" ? meanings.none : `${level}, since ${time}: ${meanings[level]}`,
    ...describeDaemon(daemon, level),
  ]);
  return daemon === "unknown" ? 1 : 0;
}

function describeDaemon(daemon: Following, level: LatchLevel): string[] {
  if (daemon === "in-force") return ["The daemon goes by it. The edge does within 15 seconds."];
  if (daemon === "not-running")
    return level === "none"
      ? ['Burrow is not running: "burrow up" opens it again.']
      : ["Burrow is not running. It goes by this from its next start on."];
  return ["The daemon runs and did not say that it goes by this. If in doubt, stop it."];
}

const patienceMs = 3_000;
const lookMs = 50;

/** Asks the daemon the way the edge would, until its reply proof tells the level. */
async function awaitDaemon(invocation: Invocation, running: Running, level: LatchLevel): Promise<Following> {
  let question: Parameters<typeof askDaemon>[0];
  try {
    const config = openConfig(invocation);
    question = {
      listen: running.listen,
      edgeKey: readEdgeKeys(config.dataDir)[0] ?? "",
      host: config.serverName,
      path: "/health",
      timeoutMs: patienceMs,
    };
  } catch {
    // The latch is written: what else is wrong here is not to hide that.
    return "unknown";
  }
  const end = Date.now() + patienceMs;
  do {
    const reply = await askDaemon(question);
    if (reply?.facts.panic === level) return "in-force";
    await sleep(lookMs);
  } while (Date.now() < end);
  return "unknown";
}
