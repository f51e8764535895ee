/** What the command line and doctor show of wrong tries, and what clearing does beside a running daemon. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { checkGuesses } from "../../origin/cli/doctor/guesses.ts";
import { throttleMigrations } from "../../origin/gate/guess-limits/migrations.ts";
import { openThrottleStore } from "../../origin/gate/guess-limits/throttle-store.ts";
import { openDatabases } from "../../origin/storage/databases.ts";
import { runCommand } from "../support/run-command.ts";
import { createSignedClient } from "../support/signed-client.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestOrigin } from "../support/test-origin.ts";

interface Shown {
  throttles: {
    kind: string;
    of: string;
    network: string | null;
    account: string | null;
    wrong_tries: number;
    retry_after_ms: number;
    attacked: boolean;
  }[];
}

const now = Date.now();
/** An address that has to wait, an account that many have tried, and an address that has made one mistake. */
const rows = [
  ["password source 203.0.113.9/32", 18],
  ["password account - ada", 30],
  ["password source 198.51.100.1/32", 1],
  ["password network 192.0.2.0/24 \u001b[2Jben", 2],
] as const;

async function fill(dataDir: string): Promise<void> {
  const databases = openDatabases(dataDir);
  const database = databases.open("throttle", throttleMigrations);
  const store = openThrottleStore(database);
  await database.write(() => {
    for (const [key, failures] of rows) store.put(key, { failures, at: now });
  });
  await databases.close();
}

test("wrong tries are shown, and cleared in a running daemon", async (t) => {
  const dataDir = temporaryFolder(t);
  const burrow = (...args: string[]) => runCommand(["--data", dataDir, "--json", ...args]);
  const shown = async () => (await burrow("throttle", "list")).json<Shown>().throttles;
  // Its settings and secrets are made by the first start.
  await (await startTestOrigin({ dataDir })).close();
  assert.deepEqual(await shown(), []);
  await fill(dataDir);

  const [attacked, waiting, ...others] = await shown();
  assert.deepEqual(
    [attacked?.of, attacked?.account, attacked?.attacked, attacked?.wrong_tries],
    ["account", "ada", true, 30],
  );
  assert.deepEqual([waiting?.of, waiting?.network], ["source", "203.0.113.9/32"]);
  assert.ok((waiting?.retry_after_ms ?? 0) > 10 * 60_000);
  assert.deepEqual(
    others.map(({ retry_after_ms }) => retry_after_ms),
    [0, 0],
  );
  const plain = (await runCommand(["--data", dataDir, "throttle", "list"])).stdout;
  assert.match(plain, /203\.0\.113\.9\/32\s+password\s+18 wrong, last .* UTC\s+waits \d+ s more/);
  assert.ok(!plain.includes("\u001b"), "nothing that a terminal obeys");

  const origin = await startTestOrigin({ dataDir });
  t.after(() => origin.close());
  const { url, edgeKey } = origin.facts;
  const client = createSignedClient({ origin: url, edgeKey, host: "burrow.localhost" });
  t.after(() => client.close());
  const login = async (address: string) =>
    (
      await client.request({
        method: "POST",
        path: "/_matrix/client/v3/login",
        address,
        body: { type: "m.login.password", identifier: { type: "m.id.user", user: "ben" }, password: "x" },
      })
    ).status;
  assert.equal(await login("203.0.113.9"), 429);
  const cleared = (await burrow("throttle", "clear", "203.0.113.9")).json();
  assert.deepEqual([cleared["cleared"], cleared["what"]], [1, "203.0.113.9"]);
  const from = performance.now();
  while ((await login("203.0.113.9")) === 429) {
    assert.ok(performance.now() - from < 10_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal((await burrow("throttle", "clear", "Ada")).json()["cleared"], 1);
  assert.equal((await burrow("throttle", "clear")).json()["cleared"], 2);
  assert.deepEqual(await shown(), []);
});

test("doctor warns while somebody guesses at an account that there is", async (t) => {
  const dataDir = temporaryFolder(t);
  await fill(dataDir);
  const databases = openDatabases(dataDir);
  t.after(() => databases.close());
  const database = databases.open("throttle", throttleMigrations);
  const warned = checkGuesses(database, new Set(["ada"]), now);
  assert.equal(warned.status, "warning");
  assert.match(warned.detail, /password of ada/);
  assert.ok(warned.why && warned.mend);
  const well = checkGuesses(database, new Set(["ben"]), now);
  assert.deepEqual([well.status, /wait: 1 /.test(well.detail)], ["ok", true]);
  assert.equal(checkGuesses(database, new Set(["ada"]), now + 86_400_000).status, "ok");
});
