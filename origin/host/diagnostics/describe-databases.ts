import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { databaseFolder } from "../../storage/databases.ts";
import type { Driver } from "../../storage/driver.ts";
import { chooseDriver } from "../../storage/open-driver.ts";

/** Sizes and counts of one database; never a row of it. */
export interface DatabaseStatistics {
  readonly name: string;
  readonly bytes: number;
  readonly walBytes: number;
  readonly schema: number;
  readonly pageSize: number;
  readonly pages: number;
  readonly freePages: number;
  /** By table: rows, and bytes where SQLite can tell (dbstat). */
  readonly tables: Readonly<Record<string, { rows: number; bytes: number | null }>>;
  readonly problem?: string;
}

export function describeDatabases(dataDir: string): DatabaseStatistics[] {
  const folder = databaseFolder(dataDir);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith(".db"))
    .map((file) => describe(join(folder, file), file.slice(0, -3)));
}

function describe(path: string, name: string): DatabaseStatistics {
  const sizes = { name, bytes: sizeOf(path), walBytes: sizeOf(`${path}-wal`) };
  const unknown = { schema: 0, pageSize: 0, pages: 0, freePages: 0, tables: {} };
  let driver: Driver | undefined;
  try {
    driver = chooseDriver()(path);
    driver.exec("PRAGMA query_only = ON");
    return {
      ...sizes,
      schema: pragma(driver, "user_version"),
      pageSize: pragma(driver, "page_size"),
      pages: pragma(driver, "page_count"),
      freePages: pragma(driver, "freelist_count"),
      tables: describeTables(driver),
    };
  } catch (error) {
    return { ...sizes, ...unknown, problem: error instanceof Error ? error.message : String(error) };
  } finally {
    driver?.close();
  }
}

function describeTables(driver: Driver): DatabaseStatistics["tables"] {
  const names = driver
    .prepare<{ name: string }>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )
    .all();
  const bytes = tableSizes(driver);
  return Object.fromEntries(
    names.map(({ name }) => {
      const quoted = `"${name.replaceAll('"', '""')}"`;
      const rows =
        driver.prepare<{ rows: number }>(`SELECT count(*) AS rows FROM ${quoted}`).get()?.rows ?? 0;
      return [name, { rows, bytes: bytes?.get(name) ?? null }];
    }),
  );
}

/** Not every build of SQLite has the dbstat table. */
function tableSizes(driver: Driver): Map<string, number> | undefined {
  try {
    const rows = driver
      .prepare<{ name: string; bytes: number }>("SELECT name, sum(pgsize) AS bytes FROM dbstat GROUP BY name")
      .all();
    return new Map(rows.map(({ name, bytes }) => [name, bytes]));
  } catch {
    return undefined;
  }
}

function pragma(driver: Driver, name: string): number {
  return Object.values(driver.prepare<Record<string, number>>(`PRAGMA ${name}`).get() ?? {})[0] ?? 0;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
