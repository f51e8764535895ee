import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";

import { openBetterSqlite3 } from "../../origin/storage/driver-better-sqlite3.ts";
import { openNodeSqlite } from "../../origin/storage/driver-node-sqlite.ts";
import type { Driver, OpenDriver } from "../../origin/storage/driver.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** One contract, two drivers: the code above must not be able to tell them apart. */
function contract(name: string, open: OpenDriver): void {
  describe(name, () => {
    const opened = (t: Parameters<typeof temporaryFolder>[0]): Driver => {
      const driver = open(join(temporaryFolder(t), "one.db"));
      t.after(() => driver.close());
      return driver;
    };

    test("names itself", (t) => {
      assert.equal(opened(t).name, name);
    });

    test("gives back what was stored, type by type", (t) => {
      const driver = opened(t);
      driver.exec("CREATE TABLE kept (value)");
      const values = [
        "",
        "text with 'quotes' and NUL-free ünïcode 🦡",
        0,
        -1,
        1.5,
        Number.MAX_SAFE_INTEGER,
        null,
      ];
      const insert = driver.prepare("INSERT INTO kept (value) VALUES (?)");
      for (const value of values) insert.run(value);
      const rows = driver.prepare<{ value: unknown }>("SELECT value FROM kept ORDER BY rowid").all();
      assert.deepEqual(
        rows.map((row) => row.value),
        values,
      );
    });

    test("gives back the bytes of a blob, the empty one too", (t) => {
      const driver = opened(t);
      driver.exec("CREATE TABLE kept (value BLOB)");
      const insert = driver.prepare("INSERT INTO kept (value) VALUES (?)");
      insert.run(new Uint8Array([0, 255, 128]));
      insert.run(Buffer.alloc(0));
      const rows = driver.prepare<{ value: Uint8Array }>("SELECT value FROM kept ORDER BY rowid").all();
      assert.ok(rows.every((row) => row.value instanceof Uint8Array));
      assert.deepEqual(
        rows.map((row) => [...row.value]),
        [[0, 255, 128], []],
      );
    });

    test("copies the moment of a read transaction, while another connection writes", async (t) => {
      const folder = temporaryFolder(t);
      const writer = open(join(folder, "one.db"));
      const reader = open(join(folder, "one.db"));
      t.after(() => [writer, reader].forEach((driver) => driver.close()));
      writer.exec("PRAGMA journal_mode = WAL; CREATE TABLE kept (value)");
      const insert = writer.prepare("INSERT INTO kept VALUES (randomblob(4000))");
      for (let row = 0; row < 1000; row += 1) insert.run();
      reader.exec("BEGIN");
      reader.prepare("SELECT count(*) FROM kept").get();
      const copied = reader.backup(join(folder, "copy.db"));
      for (let row = 0; row < 100; row += 1) insert.run();
      await copied;
      reader.exec("COMMIT");
      insert.run();
      const copy = open(join(folder, "copy.db"));
      t.after(() => copy.close());
      assert.equal(copy.prepare<{ rows: number }>("SELECT count(*) AS rows FROM kept").get()?.rows, 1000);
    });

    test("takes a bigint as an integer", (t) => {
      const driver = opened(t);
      const statement = driver.prepare<{ kind: string; value: number }>(
        "SELECT typeof(?) AS kind, ? AS value",
      );
      const row = statement.get(7n, 7n);
      assert.deepEqual({ ...row }, { kind: "integer", value: 7 });
    });

    test("binds numbered parameters by their number, however often they stand there", (t) => {
      const driver = opened(t);
      const statement = driver.prepare<object>("SELECT ?2 AS b, ?1 AS a, ?2 AS c");
      assert.deepEqual({ ...statement.get(1, "two") }, { b: "two", a: 1, c: "two" });
      assert.deepEqual({ ...[...statement.iterate(3, null)][0] }, { b: null, a: 3, c: null });
      driver.exec("CREATE TABLE kept (value)");
      assert.equal(driver.prepare("INSERT INTO kept VALUES (?1), (?1)").run("x").changes, 2);
    });

    test("answers undefined for no row, and an empty list for none", (t) => {
      const driver = opened(t);
      driver.exec("CREATE TABLE kept (value)");
      const statement = driver.prepare("SELECT value FROM kept");
      assert.equal(statement.get(), undefined);
      assert.deepEqual(statement.all(), []);
      assert.deepEqual([...statement.iterate()], []);
    });

    test("counts changes and tells the row id, as plain numbers", (t) => {
      const driver = opened(t);
      driver.exec("CREATE TABLE kept (id INTEGER PRIMARY KEY, value)");
      const insert = driver.prepare("INSERT INTO kept (value) VALUES (?)");
      assert.deepEqual({ ...insert.run("a") }, { changes: 1, lastInsertRowid: 1 });
      assert.deepEqual({ ...insert.run("b") }, { changes: 1, lastInsertRowid: 2 });
      assert.equal(driver.prepare("UPDATE kept SET value = ?").run("c").changes, 2);
    });

    test("returns rows of a write", (t) => {
      const driver = opened(t);
      driver.exec("CREATE TABLE kept (id INTEGER PRIMARY KEY, value)");
      const row = driver.prepare<{ id: number }>("INSERT INTO kept (value) VALUES (?) RETURNING id").get("a");
      assert.equal(row?.id, 1);
    });

    test("iterates row by row, and may be left early", (t) => {
      const driver = opened(t);
      const count = driver.prepare<{ n: number }>(
        "WITH RECURSIVE count(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM count WHERE n < 5) SELECT n FROM count",
      );
      const seen: number[] = [];
      for (const row of count.iterate()) {
        seen.push(row.n);
        if (row.n === 3) break;
      }
      assert.deepEqual(seen, [1, 2, 3]);
      assert.equal(count.all().length, 5);
    });

    test("rolls a transaction back, and a savepoint alone", (t) => {
      const driver = opened(t);
      driver.exec("CREATE TABLE kept (value)");
      const values = () =>
        driver
          .prepare<{ value: string }>("SELECT value FROM kept")
          .all()
          .map((row) => row.value);
      assert.equal(driver.inTransaction, false);
      driver.exec("BEGIN IMMEDIATE");
      assert.equal(driver.inTransaction, true);
      driver.exec("INSERT INTO kept VALUES ('a'); SAVEPOINT one; INSERT INTO kept VALUES ('b')");
      driver.exec("ROLLBACK TO one; RELEASE one; COMMIT");
      assert.deepEqual(values(), ["a"]);
      driver.exec("BEGIN; DELETE FROM kept; ROLLBACK");
      assert.deepEqual(values(), ["a"]);
      assert.equal(driver.inTransaction, false);
    });

    test("says so when another connection holds the lock", (t) => {
      const file = join(temporaryFolder(t), "one.db");
      const first = open(file);
      const second = open(file);
      t.after(() => (first.close(), second.close()));
      first.exec("CREATE TABLE kept (value)");
      first.exec("BEGIN IMMEDIATE");
      second.exec("PRAGMA busy_timeout = 0");
      assert.throws(() => second.exec("BEGIN IMMEDIATE"), /locked/);
      first.exec("COMMIT");
      second.exec("BEGIN IMMEDIATE; COMMIT");
    });

    test("keeps foreign keys and refuses double-quoted texts, as the other does", (t) => {
      const driver = opened(t);
      driver.exec("PRAGMA foreign_keys = ON");
      driver.exec(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE child (id REFERENCES parent (id))",
      );
      assert.throws(() => driver.exec("INSERT INTO child VALUES (9)"), /FOREIGN KEY/);
      assert.throws(() => driver.prepare('SELECT "no such column"'), /no such column/);
    });

    test("throws on a broken statement and on a violated constraint, and goes on", (t) => {
      const driver = opened(t);
      driver.exec("CREATE TABLE kept (value UNIQUE)");
      assert.throws(() => driver.prepare("SELEKT"), /syntax/);
      const insert = driver.prepare("INSERT INTO kept VALUES (?)");
      insert.run("a");
      assert.throws(() => insert.run("a"), /UNIQUE/);
      insert.run("b");
    });
  });
}

contract("better-sqlite3", openBetterSqlite3);
contract("node:sqlite", openNodeSqlite);
