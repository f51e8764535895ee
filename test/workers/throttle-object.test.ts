/** The edge's counter as an object that is written to disk, on a clock of its own; workerd itself in test/e2e. */
import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";

import { networksOf } from "../../shared/client-networks.ts";

// What only workerd has; the class takes nothing else of it than its context.
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "cloudflare:workers"
      ? {
          url: "data:text/javascript,export class DurableObject { constructor(ctx) { this.ctx = ctx; } }",
          shortCircuit: true,
        }
      : next(specifier, context),
});

interface Counter {
  ask(attempt: object, flooding: boolean): number;
  tell(attempt: object, verdict: "ok" | "failed"): void;
}
const { Throttle } = (await import(new URL("../../workers/state/throttle.ts", import.meta.url).href)) as {
  Throttle: new (ctx: object, env: object) => Counter;
};

/** A storage whose writes are counted as Cloudflare counts them, and any number of starts on it. */
function openStorage(t: TestContext) {
  const database = new DatabaseSync(":memory:");
  t.after(() => database.close());
  const written = { rows: 0, inOne: 0 };
  const sql = {
    exec(query: string, ...values: (string | number)[]) {
      if (query.includes("CREATE TABLE")) {
        database.exec(query);
        return { toArray: () => [], rowsWritten: 0 };
      }
      const statement = database.prepare(query);
      if (query.startsWith("SELECT")) return { toArray: () => statement.all(...values), rowsWritten: 0 };
      const rowsWritten = Number(statement.run(...values).changes);
      written.rows += rowsWritten;
      return { toArray: () => [], rowsWritten };
    },
  };
  const ctx = { storage: { sql, transactionSync: (work: () => void) => work() } };
  return { written, start: () => new Throttle(ctx, {}) };
}

const from = (address: string, device?: string) => ({
  kind: "password",
  networks: networksOf(address).sources,
  device,
});

function waitFor(counter: Counter, address: string): number {
  return counter.ask(from(address), false);
}

test("wrong tries are written ten seconds later, a source once however many there were", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.UTC(2026, 5, 1) });
  const { written, start } = openStorage(t);
  const counter = start();
  for (let n = 0; n < 100; n += 1) counter.tell(from("203.0.113.1"), "failed");
  for (let n = 0; n < 100; n += 1) counter.tell(from("203.0.113.2"), "failed");
  t.mock.timers.tick(9_999);
  assert.equal(written.rows, 0);
  t.mock.timers.tick(1);
  assert.equal(written.rows, 3, "two sources, and the count of the day's rows");
  assert.ok(waitFor(start(), "203.0.113.1") > 0, "another start knows them");
  assert.equal(waitFor(start(), "203.0.113.3"), 0);
});

test("a day's rows are bounded, over restarts too, and then memory alone counts", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.UTC(2026, 5, 1) });
  const { written, start } = openStorage(t);
  let counter = start();
  for (let n = 0; n < 12_000; n += 1) {
    const address = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
    for (let tries = 0; tries < (n === 11_999 ? 70 : 1); tries += 1) counter.tell(from(address), "failed");
    if (n % 500 === 499) t.mock.timers.tick(10_000);
    if (n === 5_999) counter = start();
  }
  assert.ok(written.rows <= 5_050, String(written.rows));
  assert.ok(waitFor(counter, "10.0.46.223") > 0);
  t.mock.timers.tick(24 * 60 * 60 * 1000);
  const before = written.rows;
  counter.tell(from("203.0.113.1"), "failed");
  t.mock.timers.tick(10_000);
  assert.ok(written.rows > before, "the next day it writes again");
});

test("a /48 has more than a link, and a device that was right a budget of its own", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.UTC(2026, 5, 1) });
  const counter = openStorage(t).start();
  let passed = 0;
  for (let n = 0; n < 1000 && waitFor(counter, `2001:db8:bad:${n.toString(16)}::1`) === 0; n += 1) {
    counter.tell(from(`2001:db8:bad:${n.toString(16)}::1`), "failed");
    passed += 1;
  }
  // All of these /64 lie in four /56, whose 120 come first.
  assert.equal(passed, 120);
  counter.tell(from("2001:db8:bad::1", "known"), "ok");
  assert.equal(counter.ask(from("2001:db8:bad::1", "known"), true), 0, "in a flood, too");
  assert.ok(counter.ask(from("2001:db8:bad::1", "made up"), false) > 0);
  assert.equal(counter.ask(from("203.0.113.9", "made up"), true), 60_000);
  for (let n = 0; n < 61; n += 1) counter.tell(from("2001:db8:bad::1", "known"), "failed");
  assert.ok(counter.ask(from("2001:db8:bad::1", "known"), false) > 0, "nor may it guess without end");
});
