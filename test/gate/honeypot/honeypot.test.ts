import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import type { HoneypotConfig } from "../../../origin/config/config.ts";
import { createHoneypot, type Honeypot, HoneypotError } from "../../../origin/gate/honeypot/honeypot.ts";
import { honeypotMigrations } from "../../../origin/gate/honeypot/migrations.ts";
import { createLog } from "../../../origin/host/log.ts";
import type { RequestContext } from "../../../origin/http/request-context.ts";
import { openDatabase } from "../../../origin/storage/database.ts";
import { chooseDriver } from "../../../origin/storage/open-driver.ts";
import type { Probe } from "../../../shared/probe-report.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SCANNER = "198.51.100.7";
const ALL_ON: HoneypotConfig = {
  block: true,
  blockHours: 24,
  jail: true,
  decoys: true,
  alerts: true,
  matrixAlerts: true,
  safelist: ["203.0.113.0/24", "2001:db8:1::/48", "192.0.2.9"],
  retentionDays: 30,
  maxRows: 20_000,
  cloudflare: undefined,
};

interface House {
  readonly pot: Honeypot;
  readonly clock: { now: number };
  readonly alerts: Map<string, string>;
  readonly news: string[];
  restart(): Promise<Honeypot>;
}

function open(t: TestContext, settings: Partial<HoneypotConfig> = {}): House {
  const folder = temporaryFolder(t);
  const clock = { now: Date.UTC(2026, 5, 1) };
  const alerts = new Map<string, string>();
  const news: string[] = [];
  const start = (): { pot: Honeypot; close: () => Promise<void> } => {
    const database = openDatabase({
      name: "honeypot",
      file: join(folder, "honeypot.db"),
      migrations: honeypotMigrations,
      open: chooseDriver(),
    });
    const pot = createHoneypot({
      settings: { ...ALL_ON, ...settings },
      database,
      alerts: {
        raise: ({ id, detail }) => void alerts.set(id, detail),
        clear: (id) => void alerts.delete(id),
      },
      log: createLog({ level: "error", now: Date.now, write: () => undefined }),
      now: () => clock.now,
    });
    pot.onNews((text) => news.push(text));
    return {
      pot,
      async close() {
        await pot.close();
        await database.close();
      },
    };
  };
  let running = start();
  t.after(() => running.close());
  return {
    pot: running.pot,
    clock,
    alerts,
    news,
    async restart() {
      await running.close();
      running = start();
      return running.pot;
    },
  };
}

function probe(rule: string, address = SCANNER, more: Partial<Probe> = {}): Probe {
  return {
    address,
    host: "example.org",
    method: "GET",
    target: "/.env",
    rule,
    count: 1,
    firstAt: 1,
    lastAt: Date.UTC(2026, 5, 1),
    outcome: "seen",
    country: "NL",
    ...more,
  };
}

function request(address: string, more: Partial<RequestContext> = {}): RequestContext {
  const client = { host: "example.org", scheme: "https", address, ray: "", country: "" } as const;
  return { client, guess: "none", ...more };
}

test("points add up to a block, and halve within the hour", async (t) => {
  const { pot, clock } = open(t);
  await pot.takeProbes([probe("dotfiles/env")]);
  assert.equal(pot.refuses(SCANNER), false);
  clock.now += 2 * HOUR_MS;
  await pot.takeProbes([probe("vcs/git")]);
  assert.equal(pot.refuses(SCANNER), false, "60 of two hours ago are 15");
  assert.equal(pot.describe(`${SCANNER}/32`).score, 75);
  await pot.takeProbes([probe("wordpress/login")]);
  assert.equal(pot.refuses(SCANNER), true);
  assert.equal(pot.refuses("198.51.100.8"), false);
});

test("of an IPv6 address the whole /64 is one source", async (t) => {
  const { pot } = open(t);
  await pot.takeProbes([probe("log4shell/jndi", "2001:db8:9:9::1")]);
  assert.equal(pot.refuses("2001:db8:9:9:ffff::2"), true);
  assert.equal(pot.refuses("2001:db8:9:a::1"), false);
  assert.equal(pot.describe("2001:db8:9:9::/64").block?.kind, "probes");
});

test("a block ends, is longer the next time, and outlives a restart", async (t) => {
  const house = open(t);
  const { pot, clock } = house;
  await pot.takeProbes([probe("log4shell/jndi")]);
  const first = pot.describe(`${SCANNER}/32`).block;
  assert.equal(first!.until - first!.since, 24 * HOUR_MS);
  clock.now += 24 * HOUR_MS;
  assert.equal(pot.refuses(SCANNER), false);
  await pot.takeProbes([probe("log4shell/jndi")]);
  const again = await house.restart();
  assert.equal(again.refuses(SCANNER), true);
  const second = again.describe(`${SCANNER}/32`).block;
  assert.deepEqual([second!.times, second!.until - second!.since], [2, 48 * HOUR_MS]);
});

test("who is on the safelist, and where somebody has signed in, is never refused by counting", async (t) => {
  const { pot } = open(t);
  for (const address of [
    "203.0.113.77",
    "2001:db8:1:2::3",
    "192.0.2.9",
    "127.0.0.1",
    "::1",
    "::ffff:203.0.113.5",
  ]) {
    await pot.takeProbes([probe("log4shell/jndi", address)]);
    for (let n = 0; n < 50; n += 1) pot.noteAnswer(request(address, { guess: "failed" }), "/sign-in", 403);
    assert.equal(pot.refuses(address), false, address);
  }
  await assert.rejects(pot.block("203.0.113.77/32", HOUR_MS, ""), HoneypotError);

  pot.noteAnswer(request(SCANNER, { guess: "ok" }), "/_matrix/client/v3/login", 200);
  await pot.takeProbes([probe("log4shell/jndi")]);
  assert.equal(pot.refuses(SCANNER), false, "a neighbour's probes do not lock the household out");
  assert.equal(
    pot.ledger.list({ before: 1e9, limit: 9 }).some(({ address }) => address === SCANNER),
    true,
  );
  await pot.block(`${SCANNER}/32`, HOUR_MS, "the owner knows better");
  assert.equal(pot.refuses(SCANNER), true);
});

test("trust outlives a restart, and ends after a month", async (t) => {
  const house = open(t);
  house.pot.noteAnswer(request(SCANNER, { guess: "ok" }), "/sign-in", 303);
  const pot = await house.restart();
  assert.equal(pot.describe(`${SCANNER}/32`).trusted, true);
  house.clock.now += 30 * DAY_MS;
  assert.equal(pot.describe(`${SCANNER}/32`).trusted, false);
});

test("many wrong secrets, or addresses that do not exist, within minutes are jailed; bare 401s are not", (t) => {
  const { pot, clock } = open(t);
  const many = (
    address: string,
    times: number,
    more: Partial<RequestContext>,
    path: string,
    status: number,
  ): boolean => {
    for (let n = 0; n < times; n += 1) {
      clock.now += 1_000;
      pot.noteAnswer(request(address, more), path, status);
    }
    return pot.refuses(address);
  };
  assert.equal(many("198.51.100.1", 200, {}, "/_matrix/client/v3/sync", 401), false);
  assert.equal(many("198.51.100.2", 200, {}, "/_matrix/client/unstable/org.example.new", 404), false);
  assert.equal(many("198.51.100.3", 200, {}, "/favicon.ico", 404), false);
  assert.equal(many("198.51.100.4", 9, { guess: "failed" }, "/sign-in", 403), false);
  assert.equal(many("198.51.100.5", 12, { guess: "failed" }, "/sign-in", 403), true);
  assert.equal(many("198.51.100.6", 24, {}, "/old/page", 404), true);
  const block = pot.describe("198.51.100.5/32").block;
  assert.deepEqual([block?.kind, block!.until - block!.since], ["jail", 15 * 60_000]);
  // One client with an old password that tries each minute is a nuisance, not an attack.
  for (let n = 0; n < 100; n += 1) {
    clock.now += 60_000;
    pot.noteAnswer(request("198.51.100.9", { guess: "failed" }), "/dav", 401);
  }
  assert.equal(pot.refuses("198.51.100.9"), false);
});

test("each opt-in is its own: without it nothing of the kind happens", async (t) => {
  const { pot, alerts, news, clock } = open(t, {
    block: false,
    jail: false,
    alerts: false,
    matrixAlerts: false,
  });
  await pot.takeProbes([probe("log4shell/jndi")]);
  for (let n = 0; n < 50; n += 1) pot.noteAnswer(request(SCANNER, { guess: "failed" }), "/sign-in", 403);
  clock.now += 1;
  assert.equal(pot.refuses(SCANNER), false);
  assert.equal(alerts.size + news.length, 0);
  assert.equal(pot.ledger.list({ before: 1e9, limit: 9 }).length, 1, "it is written down in any case");
});

test("the owner is told of a block and of a decoy that was believed", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { pot, alerts, news } = open(t);
  await pot.takeProbes([probe("log4shell/jndi")]);
  await pot.takeReplay(request("198.51.100.9"), "tried as password");
  t.mock.timers.tick(1);
  assert.match(
    alerts.get("honeypot-block") ?? "",
    /198\.51\.100\.9\/32 is refused until .* UTC: canary\/replay/,
  );
  assert.match(alerts.get("honeypot-replay") ?? "", /198\.51\.100\.9/);
  assert.match(news.join("\n"), /198\.51\.100\.7\/32 is refused/);
});

test("the ledger is bounded by rows and by days, and read page by page", async (t) => {
  const { pot, clock } = open(t, { maxRows: 100, block: false });
  for (let n = 0; n < 3; n += 1) {
    const batch = Array.from({ length: 50 }, (_, index) =>
      probe("php/any", `198.51.100.${index}`, { target: `/${n}-${index}.php`, lastAt: clock.now }),
    );
    await pot.takeProbes(batch);
  }
  const page = pot.ledger.list({ before: 1e9, limit: 60 });
  const rest = pot.ledger.list({ before: page.at(-1)!.seq, limit: 60 });
  assert.deepEqual([page.length, rest.length], [60, 40]);
  assert.equal(page[0]?.target, "/2-49.php");
  assert.equal(pot.ledger.list({ before: 1e9, limit: 9, source: "198.51.100.3/32" }).length, 2);
  const { probes, sources, families } = pot.ledger.statistics(clock.now - HOUR_MS);
  assert.deepEqual([probes, sources, families], [100, 50, [{ family: "php", probes: 100 }]]);
});

test("entries older than the retention are gone after a start", async (t) => {
  const house = open(t);
  await house.pot.takeProbes([probe("php/any", SCANNER, { lastAt: house.clock.now })]);
  house.clock.now += 31 * DAY_MS;
  const pot = await house.restart();
  await pot.takeProbes([probe("php/any", SCANNER, { lastAt: house.clock.now })]);
  assert.equal(pot.ledger.list({ before: 1e9, limit: 9 }).length, 1);
});

test("a source is one address, or one /64", (t) => {
  const { pot } = open(t);
  assert.equal(pot.sourceOf("198.51.100.7"), "198.51.100.7/32");
  assert.equal(pot.sourceOf("2001:DB8::1"), "2001:db8::/64");
  assert.equal(pot.sourceOf("2001:db8::/64"), "2001:db8::/64");
  for (const text of ["", "ada", "198.51.100.0/24", "2001:db8::/32", "198.51.100.7/", "1/1/1"])
    assert.throws(() => pot.sourceOf(text), HoneypotError, text);
});

test("who is let in again starts anew", async (t) => {
  const { pot } = open(t);
  await pot.takeProbes([probe("log4shell/jndi")]);
  const version = pot.blocks.version();
  assert.equal(await pot.unblock(`${SCANNER}/32`), true);
  assert.equal(await pot.unblock(`${SCANNER}/32`), false);
  assert.notEqual(pot.blocks.version(), version, "the edge must hear of it");
  await pot.takeProbes([probe("php/any")]);
  assert.equal(pot.refuses(SCANNER), false);
});
