import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { createLog } from "../../../origin/host/log.ts";
import { type Change, writeChange } from "../../../origin/host/update/installation.ts";
import { schemaOf, settleUpdate } from "../../../origin/host/update/settle.ts";
import { runningVersion } from "../../../origin/host/version.ts";
import { chooseDriver } from "../../../origin/storage/open-driver.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const log = createLog({ level: "error", now: Date.now, write: () => {} });
const later = "77.0.0";

interface Scene {
  readonly data: string;
  readonly live: string;
  readonly settle: (change: Partial<Change>) => Promise<void>;
}

/** A data folder with one database, and an installation whose last change is what a test says. */
function set(t: TestContext): Scene {
  const data = realpathSync(temporaryFolder(t));
  const installation = temporaryFolder(t);
  mkdirSync(join(data, "databases"));
  const live = join(data, "databases", "mail.db");
  query(
    live,
    "PRAGMA journal_mode = WAL; CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('one'); PRAGMA user_version = 1",
  );
  return {
    data,
    live,
    async settle(change) {
      writeChange(installation, {
        state: "switched",
        from: { path: ".", version: "0.0.1" },
        to: { path: `releases/${runningVersion}`, version: runningVersion },
        dataDir: data,
        migrates: { mail: 1 },
        at: 0,
        ...change,
      });
      await settleUpdate(data, log, installation);
    },
  };
}

function query(file: string, sql: string): void {
  const driver = chooseDriver()(file);
  driver.exec(sql);
  driver.close();
}

function notes(file: string): string[] {
  const driver = chooseDriver()(file);
  const rows = driver.prepare<{ text: string }>("SELECT text FROM note").all();
  driver.close();
  return rows.map(({ text }) => text);
}

test("the first start keeps what it migrates, up to the last write before it; later starts keep that", async (t) => {
  const { data, live, settle } = set(t);
  const copy = join(data, "update", `before-${runningVersion}`, "mail.db");
  await settle({});
  query(live, "INSERT INTO note VALUES ('two')");
  // A start that was cut short before it migrated left this.
  writeFileSync(`${copy}.new`, "half");
  await settle({});
  assert.deepEqual(notes(copy), ["one", "two"]);
  query(live, "PRAGMA user_version = 2; INSERT INTO note VALUES ('three')");
  await settle({});
  assert.deepEqual([notes(copy), schemaOf(copy)], [["one", "two"], 1]);
  assert.deepEqual(readdirSync(join(data, "update", `before-${runningVersion}`)), ["mail.db"]);
});

test("the first start after a return puts back what it cannot read, and loses nothing", async (t) => {
  const { data, live, settle } = set(t);
  const before = join(data, "update", `before-${later}`);
  mkdirSync(before, { recursive: true });
  query(
    join(before, "mail.db"),
    "CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('one'); PRAGMA user_version = 1",
  );
  query(live, "PRAGMA user_version = 2; INSERT INTO note VALUES ('two')");
  const returned: Partial<Change> = {
    state: "rolled-back",
    from: { path: ".", version: runningVersion },
    to: { path: `releases/${later}`, version: later },
  };
  // A start that was cut short left this.
  writeFileSync(`${live}.returning`, "half");
  await settle(returned);
  assert.deepEqual([notes(live), schemaOf(live)], [["one"], 1]);
  assert.deepEqual(notes(join(data, "update", `after-${later}`, "mail.db")), ["one", "two"]);
  // And never again: what is written from now on stays.
  query(live, "INSERT INTO note VALUES ('three')");
  await settle(returned);
  assert.deepEqual(notes(live), ["one", "three"]);
});

test("a change for another data folder, another version, or one that is confirmed, touches nothing", async (t) => {
  const { data, live, settle } = set(t);
  const other = set(t);
  const before = join(data, "update", `before-${runningVersion}`);
  await settle({ dataDir: other.data });
  await settle({ to: { path: `releases/${later}`, version: later } });
  await settle({ state: "confirmed" });
  assert.ok(!existsSync(join(data, "update")) && !existsSync(join(other.data, "update")));
  // Returned from this version, which somebody started all the same: its data stay its own.
  mkdirSync(before, { recursive: true });
  query(join(before, "mail.db"), "CREATE TABLE note (text TEXT); PRAGMA user_version = 0");
  await settle({ state: "rolled-back" });
  assert.deepEqual(notes(live), ["one"]);
});
