import { openBetterSqlite3 } from "./driver-better-sqlite3.ts";
import type { OpenDriver } from "./driver.ts";
import { openNodeSqlite } from "./driver-node-sqlite.ts";

/** The driver that works on this machine: better-sqlite3, or node:sqlite where its binary does not load. */
export function chooseDriver(): OpenDriver {
  try {
    openBetterSqlite3(":memory:").close();
    return openBetterSqlite3;
  } catch {
    return openNodeSqlite;
  }
}
