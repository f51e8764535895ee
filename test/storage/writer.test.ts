import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";

import { type Database, openDatabase } from "../../origin/storage/database.ts";
import { openBetterSqlite3 } from "../../origin/storage/driver-better-sqlite3.ts";
import { openNodeSqlite } from "../../origin/storage/driver-node-sqlite.ts";
import type { Driver, OpenDriver } from "../../origin/storage/driver.ts";
import { CommitError } from "../../origin/storage/writer.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const migrations = [{ name: "things", sql: "CREATE TABLE thing (name TEXT PRIMARY KEY, content BLOB)" }];

for (const [name, open] of [
  ["better-sqlite3", openBetterSqlite3],
  ["node:sqlite", openNodeSqlite],
] as [string, OpenDriver][]) {
  describe(`the group-commit writer on ${name}`, () => {
    function setUp(
      t: TestContext,
      opening = open,
    ): {
      database: Database;
      names: () => string[];
      commits: () => number;
      file: string;
    } {
      const file = join(temporaryFolder(t), "area.db");
      const database = openDatabase({ name: "area", file, migrations, open: opening });
      t.after(() => database.close());
      let commits = 0;
      database.beforeCommit(() => (commits += 1));
      const select = database.prepare<{ name: string }>("SELECT name FROM thing ORDER BY rowid");
      return { database, file, names: () => select.all().map((row) => row.name), commits: () => commits };
    }

    const add = (database: Database, what: string) =>
      database.write(() => database.prepare("INSERT INTO thing (name) VALUES (?)").run(what));

    test("commits the writes of one tick together, in their order", async (t) => {
      const { database, names, commits } = setUp(t);
      const wanted = Array.from({ length: 50 }, (_, index) => `thing ${index}`);
      await Promise.all(wanted.map((what) => add(database, what)));
      assert.deepEqual(names(), wanted);
      assert.equal(commits(), 1);
      await add(database, "later");
      assert.equal(commits(), 2);
    });

    test("splits a flood, so that reads get their turn", async (t) => {
      const { database, names, commits } = setUp(t);
      await Promise.all(Array.from({ length: 450 }, (_, index) => add(database, `thing ${index}`)));
      assert.equal(names().length, 450);
      assert.equal(commits(), 3);
    });

    test("holds patient writes back until others share their commit, and never holds up the rest", async (t) => {
      t.mock.timers.enable({ apis: ["setTimeout"] });
      const { database, names, commits } = setUp(t);
      const patiently = (what: string) =>
        database.write(() => database.prepare("INSERT INTO thing (name) VALUES (?)").run(what), {
          patient: true,
        });
      const someTurns = async () => {
        for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      };
      const first = patiently("first");
      await someTurns();
      const second = patiently("second");
      await someTurns();
      assert.deepEqual(names(), []);
      await add(database, "at once");
      await Promise.all([first, second]);
      assert.deepEqual(names(), ["first", "second", "at once"]);
      assert.equal(commits(), 1);
      const alone = patiently("alone");
      t.mock.timers.tick(25);
      await alone;
      await Promise.all(Array.from({ length: 30 }, (_, index) => patiently(`one of many ${index}`)));
      assert.equal(commits(), 3);
      const last = patiently("last");
      // Closing waits for no others.
      t.after(() => last);
    });

    test("undoes a failed write alone", async (t) => {
      const { database, names } = setUp(t);
      const mine = new Error("mine");
      const results = await Promise.allSettled([
        add(database, "first"),
        database.write(() => {
          database.prepare("INSERT INTO thing (name) VALUES ('half')").run();
          throw mine;
        }),
        add(database, "first"),
        add(database, "last"),
      ]);
      assert.deepEqual(
        results.map((result) => result.status),
        ["fulfilled", "rejected", "rejected", "fulfilled"],
      );
      assert.equal((results[1] as PromiseRejectedResult).reason, mine);
      assert.match(String((results[2] as PromiseRejectedResult).reason), /UNIQUE/);
      assert.deepEqual(names(), ["first", "last"]);
    });

    test("acknowledges nothing before another connection can see it", async (t) => {
      const { database, file } = setUp(t);
      const other = open(file);
      t.after(() => other.close());
      const count = () => other.prepare<{ n: number }>("SELECT count(*) AS n FROM thing").get()?.n;
      let insideCount: number | undefined;
      let hookCount: number | undefined;
      await database.write((transaction) => {
        database.prepare("INSERT INTO thing (name) VALUES ('a')").run();
        insideCount = count();
        transaction.afterCommit(() => (hookCount = count()));
      });
      assert.equal(insideCount, 0);
      assert.equal(hookCount, 1);
      assert.equal(count(), 1);
    });

    test("runs the hooks in order: rollback at once, commit before the promise settles", async (t) => {
      const { database } = setUp(t);
      const order: string[] = [];
      database.beforeCommit(() => order.push("before commit"));
      await Promise.allSettled([
        database
          .write((transaction) => {
            transaction.afterCommit(() => order.push("after commit"));
            transaction.onRollback(() => order.push("never"));
            order.push("first");
          })
          .then(() => order.push("settled")),
        database.write((transaction) => {
          transaction.onRollback(() => order.push("rolled back"));
          transaction.afterCommit(() => order.push("never"));
          throw new Error("no");
        }),
      ]);
      assert.deepEqual(order, ["first", "rolled back", "before commit", "after commit", "settled"]);
    });

    test("keeps nothing of a batch when the disk is full, and works again when there is room", async (t) => {
      const { database, names } = setUp(t);
      await add(database, "before");
      const pages = Object.values(database.prepare<object>("PRAGMA page_count").get() ?? {})[0] as number;
      database.prepare(`PRAGMA max_page_count = ${pages}`).get();
      const undone: string[] = [];
      const results = await Promise.allSettled([
        database.write((transaction) => {
          transaction.onRollback(() => undone.push("small"));
          database.prepare("INSERT INTO thing (name) VALUES ('small')").run();
        }),
        database.write((transaction) => {
          transaction.onRollback(() => undone.push("large"));
          database.prepare("INSERT INTO thing VALUES ('large', zeroblob(1000000))").run();
        }),
      ]);
      for (const result of results) {
        // SQLite undoes the statement alone or the whole transaction: either way nobody is told a lie.
        if (result.status === "fulfilled") assert.ok(names().includes("small"));
        else assert.ok(result.reason instanceof CommitError && result.reason.fault === "full");
      }
      assert.equal(results[1]?.status, "rejected");
      assert.ok(!names().includes("large"));
      assert.ok(undone.includes("large"));

      database.prepare("PRAGMA max_page_count = 1000000").get();
      await add(database, "after");
      assert.equal(names().at(-1), "after");
    });

    test("answers every write of a batch whose commit fails with CommitError, and undoes all", async (t) => {
      const { database, names } = setUp(t);
      let fail = true;
      database.beforeCommit(() => {
        if (fail) throw new Error("disk I/O error");
      });
      const undone: string[] = [];
      const results = await Promise.allSettled(
        ["a", "b"].map((what) =>
          database.write((transaction) => {
            transaction.onRollback(() => undone.push(what));
            database.prepare("INSERT INTO thing (name) VALUES (?)").run(what);
          }),
        ),
      );
      for (const result of results) {
        assert.ok(result.status === "rejected" && result.reason instanceof CommitError);
      }
      assert.deepEqual(undone, ["a", "b"]);
      assert.deepEqual(names(), []);
      fail = false;
      await add(database, "c");
      assert.deepEqual(names(), ["c"]);
    });

    test("answers every write, and goes on, when even the rollback fails", async (t) => {
      let failing = false;
      const openFailing: OpenDriver = (file) => {
        const driver = open(file);
        const prepare: Driver["prepare"] = (sql) => {
          const statement = driver.prepare<never>(sql);
          if (sql !== "COMMIT" && sql !== "ROLLBACK") return statement;
          const run: typeof statement.run = () => {
            if (failing) throw Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR_FSYNC" });
            return statement.run();
          };
          return { ...statement, run };
        };
        return Object.create(driver, { prepare: { value: prepare } }) as Driver;
      };
      const { database, names } = setUp(t, openFailing);
      failing = true;
      for (let round = 0; round < 2; round += 1) {
        for (const result of await Promise.allSettled([add(database, "a"), add(database, "b")])) {
          assert.ok(result.status === "rejected" && result.reason instanceof CommitError);
        }
      }
      failing = false;
      // What was left open is undone first, and its writers were told so.
      await assert.rejects(add(database, "c"), CommitError);
      await add(database, "d");
      assert.deepEqual(names(), ["d"]);
    });
  });
}
