import type { Config } from "../config/config.ts";
import { type BudgetKey, concerns } from "../gate/guess-limits/budget-key.ts";
import { listThrottles, type Throttle } from "../gate/guess-limits/list-throttles.ts";
import { throttleMigrations } from "../gate/guess-limits/migrations.ts";
import { openThrottleStore, type ThrottleStore } from "../gate/guess-limits/throttle-store.ts";
import { canonicalName } from "../members/names.ts";
import { openDatabases } from "../storage/databases.ts";
import { answer, type Command, type Invocation } from "./command.ts";
import { openConfig } from "./open-members.ts";

const shownAtMost = 100;

const list: Command = {
  name: "throttle list",
  usage: "",
  summary: "Shows who has tried wrong passwords and codes, and who has to wait.",
  words: 0,
  async run(invocation) {
    await withThrottles(invocation, (store) => {
      const all = listThrottles(store.load(), Date.now());
      answer(
        invocation,
        { throttles: all.map(toJson) },
        all.length === 0
          ? ["Nobody has tried anything wrong lately."]
          : [...all.slice(0, shownAtMost).map(line), ...more(all.length)],
      );
    });
    return 0;
  },
};

const clear: Command = {
  name: "throttle clear",
  usage: "[ADDRESS|NETWORK|NAME]",
  summary: "Forgets the wrong tries of an address or at an account, or all of them.",
  words: [0, 1],
  async run(invocation) {
    const [named] = invocation.positionals;
    const what = named === undefined ? "*" : canonicalName(named);
    await withThrottles(invocation, async (store) => {
      const cleared = listThrottles(store.load(), Date.now()).filter(({ key }) => concerns(key, what));
      // Also where nothing is on disk: what a running daemon has counted in the last seconds is not there yet.
      await store.askToClear(
        what,
        cleared.map(({ text }) => text),
      );
      answer(invocation, { cleared: cleared.length, what: named ?? null }, [
        `${named === undefined ? "All wrong tries are" : `The wrong tries of ${named} are`} forgotten, by a running Burrow within two seconds.`,
        "The edge counts for itself, far more patiently: its longest wait is ten minutes.",
      ]);
    });
    return 0;
  },
};

export const throttleCommands: readonly Command[] = [list, clear];

/** Opens throttle.db beside a running daemon, and closes it afterwards. */
async function withThrottles<T>(
  invocation: Invocation,
  work: (store: ThrottleStore, config: Config) => Promise<T> | T,
): Promise<T> {
  const config = openConfig(invocation);
  const databases = openDatabases(config.dataDir);
  try {
    return await work(openThrottleStore(databases.open("throttle", throttleMigrations)), config);
  } finally {
    await databases.close();
  }
}

function toJson({ key, wrongTries, lastAt, waitMs, attacked }: Throttle) {
  return {
    kind: key.kind,
    of: key.role,
    network: "network" in key ? key.network : null,
    account: "account" in key ? key.account : null,
    wrong_tries: wrongTries,
    retry_after_ms: waitMs,
    attacked,
    last_at: new Date(lastAt).toISOString(),
  };
}

function line(throttle: Throttle): string {
  const { key, wrongTries, lastAt, waitMs, attacked } = throttle;
  const wait = waitMs > 0 ? `waits ${Math.ceil(waitMs / 1000)} s more` : "may try";
  const state = attacked ? "attacked: each stranger waits for a turn" : key.role === "account" ? "" : wait;
  const last = `${new Date(lastAt).toISOString().slice(0, 16).replace("T", " ")} UTC`;
  return [who(key), key.kind, `${wrongTries} wrong, last ${last}`, state].filter(Boolean).join("  ");
}

/** Strangers choose the names that they try: without what a terminal obeys. */
function who(key: BudgetKey): string {
  if (key.role === "source") return key.network.padEnd(20);
  const account = JSON.stringify(key.account);
  if (key.role === "account") return `${account}, by strangers`.padEnd(20);
  return key.role === "device" ? `${account}, a known browser` : `${account} from ${key.network}, known`;
}

const more = (count: number): string[] =>
  count > shownAtMost ? [`and ${count - shownAtMost} more: --json has them all`] : [];
