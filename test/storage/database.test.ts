import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { DamagedDatabaseError, MigrationError, openDatabase } from "../../origin/storage/database.ts";
import { openBetterSqlite3 } from "../../origin/storage/driver-better-sqlite3.ts";
import { openNodeSqlite } from "../../origin/storage/driver-node-sqlite.ts";
import type { OpenDriver } from "../../origin/storage/driver.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const first = { name: "things", sql: "CREATE TABLE thing (name TEXT PRIMARY KEY)" };
const second = {
  name: "colours",
  sql: "ALTER TABLE thing ADD COLUMN colour TEXT; UPDATE thing SET colour = 'brown'",
};

for (const [name, open] of [
  ["better-sqlite3", openBetterSqlite3],
  ["node:sqlite", openNodeSqlite],
] as [string, OpenDriver][]) {
  describe(`a database with ${name}`, () => {
    test("is set up to lose no acknowledged write", async (t) => {
      const database = openDatabase({
        name: "area",
        file: join(temporaryFolder(t), "area.db"),
        migrations: [],
        open,
      });
      const pragma = (what: string) =>
        Object.values(database.prepare<object>(`PRAGMA ${what}`).get() ?? {})[0];
      assert.equal(pragma("journal_mode"), "wal");
      assert.equal(pragma("synchronous"), 2, "FULL: a commit is on disk before it is acknowledged");
      assert.equal(pragma("foreign_keys"), 1);
      assert.equal(pragma("temp_store"), 2);
      await database.close();
    });

    test("says of a file that is no database, or half of one, that it is damaged and what to do", async (t) => {
      const folder = temporaryFolder(t);
      const file = join(folder, "area.db");
      const migrations = [first];
      const damaged = (error: unknown) =>
        error instanceof DamagedDatabaseError &&
        /area\.db is damaged .*burrow backup restore/.test(error.message);
      writeFileSync(file, "no database at all ".repeat(300));
      assert.throws(() => openDatabase({ name: "area", file, migrations, open }), damaged);
      const whole = join(folder, "whole.db");
      await openDatabase({ name: "whole", file: whole, migrations: [first], open }).close();
      writeFileSync(file, readFileSync(whole).fill(0xff, 100, 4_096));
      assert.throws(() => openDatabase({ name: "area", file, migrations: [first, second], open }), damaged);
    });

    test("migrates step by step, each once, and keeps what was there", async (t) => {
      const file = join(temporaryFolder(t), "area.db");
      const old = openDatabase({ name: "area", file, migrations: [first], open });
      await old.write(() => old.prepare("INSERT INTO thing VALUES ('spade')").run());
      await old.close();
      for (let start = 0; start < 2; start += 1) {
        const database = openDatabase({ name: "area", file, migrations: [first, second], open });
        const rows = database.prepare<{ name: string; colour: string }>("SELECT * FROM thing").all();
        assert.deepEqual(
          rows.map((row) => ({ ...row })),
          [{ name: "spade", colour: "brown" }],
        );
        await database.close();
      }
    });

    test("leaves the old schema whole when a migration fails", async (t) => {
      const file = join(temporaryFolder(t), "area.db");
      const broken = { name: "broken", sql: "CREATE TABLE half (name TEXT); INSERT INTO nowhere VALUES (1)" };
      assert.throws(
        () => openDatabase({ name: "area", file, migrations: [first, broken], open }),
        (error) =>
          error instanceof MigrationError && /Migration 2 \(broken\) of area\.db/.test(error.message),
      );
      const database = openDatabase({ name: "area", file, migrations: [first], open });
      assert.equal(database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'half'").get(), undefined);
      await database.close();
    });

    test("refuses a database of a newer version", async (t) => {
      const file = join(temporaryFolder(t), "area.db");
      await openDatabase({ name: "area", file, migrations: [first, second], open }).close();
      assert.throws(
        () => openDatabase({ name: "area", file, migrations: [first], open }),
        /area\.db was written by a newer Burrow \(schema 2, this one knows 1\)/,
      );
    });

    test("writes what is queued before it closes, and refuses what comes later", async (t) => {
      const file = join(temporaryFolder(t), "area.db");
      const database = openDatabase({ name: "area", file, migrations: [first], open });
      const queued = database.write(() => database.prepare("INSERT INTO thing VALUES ('late')").run());
      await Promise.all([database.close(), queued]);
      await assert.rejects(
        database.write(() => 1),
        /closing/,
      );
      const again = openDatabase({ name: "area", file, migrations: [first], open });
      assert.equal(again.prepare<{ name: string }>("SELECT name FROM thing").get()?.name, "late");
      await again.close();
    });
  });
}
