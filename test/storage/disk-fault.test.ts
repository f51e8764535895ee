import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { diskFaultOf } from "../../origin/storage/disk-fault.ts";
import { openBetterSqlite3 } from "../../origin/storage/driver-better-sqlite3.ts";
import { openNodeSqlite } from "../../origin/storage/driver-node-sqlite.ts";
import { CommitError } from "../../origin/storage/writer.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

function errorOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return assert.fail("it did not fail");
}

for (const [name, open] of [
  ["better-sqlite3", openBetterSqlite3],
  ["node:sqlite", openNodeSqlite],
] as const) {
  test(`a full and a read-only database are told apart, by ${name}`, (t) => {
    const driver = open(join(temporaryFolder(t), "one.db"));
    t.after(() => driver.close());
    driver.exec("CREATE TABLE thing (value UNIQUE); PRAGMA max_page_count = 3");
    const full = errorOf(() => driver.exec("INSERT INTO thing VALUES (zeroblob(1000000))"));
    assert.equal(diskFaultOf(full), "full");
    assert.equal(new CommitError("It was not kept.", { cause: full }).fault, "full");
    driver.exec("INSERT INTO thing VALUES (1)");
    assert.equal(diskFaultOf(errorOf(() => driver.exec("INSERT INTO thing VALUES (1)"))), undefined);
    driver.exec("PRAGMA query_only = 1");
    assert.equal(diskFaultOf(errorOf(() => driver.exec("INSERT INTO thing VALUES (2)"))), "read-only");
  });
}

test("by SQLite's extended codes and the system's, itself or as a cause", () => {
  const coded = (fields: object): Error => Object.assign(new Error("x"), fields);
  assert.equal(diskFaultOf(coded({ code: "ERR_SQLITE_ERROR", errcode: 4874 })), "full");
  assert.equal(diskFaultOf(coded({ code: "ERR_SQLITE_ERROR", errcode: 1034 })), "failing");
  assert.equal(diskFaultOf(coded({ code: "SQLITE_IOERR_WRITE" })), "failing");
  assert.equal(diskFaultOf(coded({ code: "SQLITE_IOERR_SHMSIZE" })), "full");
  assert.equal(diskFaultOf(coded({ code: "EDQUOT" })), "full");
  assert.equal(diskFaultOf(new Error("above", { cause: coded({ code: "ENOSPC" }) })), "full");
  assert.equal(diskFaultOf(coded({ code: "SQLITE_BUSY" })), undefined);
  assert.equal(diskFaultOf("ENOSPC"), undefined);
});
