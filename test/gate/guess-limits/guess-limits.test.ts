import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import type { Attempt, GuessLimits } from "../../../origin/gate/guess-limits/guess-limits.ts";
import { throttleMigrations } from "../../../origin/gate/guess-limits/migrations.ts";
import { openThrottleStore } from "../../../origin/gate/guess-limits/throttle-store.ts";
import type { RequestContext } from "../../../origin/http/request-context.ts";
import { ThrottledError } from "../../../origin/http/throttled-error.ts";
import { openDatabase } from "../../../origin/storage/database.ts";
import { chooseDriver } from "../../../origin/storage/open-driver.ts";
import { openGuesses } from "./open-guesses.ts";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const right = "heron lantern oatmeal quarry";

/** Limits on a real database with a clock that stands still, and a door whose only right secret is `right`. */
function openDoor(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "burrow-guesses-"));
  const clock = { now: Date.UTC(2026, 5, 1) };
  const names = new Map([[1, "ada"]]);
  const open = () =>
    openGuesses(
      folder,
      () => clock.now,
      (id) => names.get(id),
    );
  const door = { guesses: open(), tried: 0 };
  t.after(async () => {
    await door.guesses.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What became of a try: the verdict, or the milliseconds to wait. */
  async function tries(address: string, secret: string, more: Partial<Attempt> = {}) {
    const client = { host: "example.org", scheme: "https", address, ray: "", country: "" } as const;
    const context: RequestContext = { client, guess: "none" };
    const attempt = { kind: "password", account: "ada", credential: secret, ...more } as const;
    try {
      await (door.guesses as GuessLimits).attempt(context, attempt, async () => {
        door.tried += 1;
        await Promise.resolve();
        return secret === right ? "in" : undefined;
      });
      return context.guess;
    } catch (error) {
      if (!(error instanceof ThrottledError)) throw error;
      return error.retryAfterMs;
    }
  }

  let serial = 0;
  return {
    clock,
    folder,
    tries,
    guesses: () => door.guesses,
    tried: () => door.tried,
    /** A guess that nobody has made before. */
    guess: (address: string, more?: Partial<Attempt>) => tries(address, `guess ${(serial += 1)}`, more),
    restart: async (killed = false) => {
      if (!killed) await door.guesses.close();
      door.guesses = open();
    },
  };
}

test("ten mistakes of an address are free, then each costs about twice the wait of the one before", async (t) => {
  const { guess, tries, clock, tried } = openDoor(t);
  const spread = (n: number) => ({ account: `name${n}` });
  for (let n = 0; n < 10; n += 1) assert.equal(await guess("192.0.2.1", spread(n)), "failed");
  assert.equal(await guess("192.0.2.1"), 5 * second);
  assert.equal(await tries("192.0.2.1", right), 5 * second, "nothing was looked at");
  assert.equal(tried(), 10);
  assert.equal(await guess("192.0.2.2"), "failed", "another address has its own");
  const waits = [];
  for (let n = 0; n < 12; n += 1) {
    const wait = await guess("192.0.2.1", spread(n));
    assert.ok(typeof wait === "number");
    waits.push(Math.round(wait / second));
    clock.now += wait;
    assert.equal(await guess("192.0.2.1", spread(n)), "failed");
  }
  assert.deepEqual(waits.slice(0, 5), [5, 10, 20, 39, 78], "a little is forgiven meanwhile");
  assert.ok(Math.max(...waits) <= 3600);
  clock.now += 12 * hour;
  assert.equal(await guess("192.0.2.1"), "failed", "in time all is forgotten");
});

test("a hundred at once are as many as one after the other", async (t) => {
  const { guess, tried } = openDoor(t);
  const outcomes = await Promise.all(
    Array.from({ length: 100 }, (_, n) => guess("192.0.2.1", { account: `name${n}` })),
  );
  assert.equal(tried(), 10);
  assert.equal(outcomes.filter((outcome) => outcome === "failed").length, 10);
});

test("the same wrong secret again is no new guess, but may not be tried without end", async (t) => {
  const { tries, guess, clock, tried } = openDoor(t);
  // A mail client with last year's password, once a minute for a day, behind the address of a whole household.
  for (let n = 0; n < 24 * 60; n += 1) {
    assert.equal(await tries("192.0.2.1", "last year's", { account: "ben" }), "failed", String(n));
    clock.now += minute;
  }
  assert.equal(await tries("192.0.2.1", right), "ok");
  for (let n = 0; n < 9; n += 1) assert.equal(await guess("192.0.2.1", { account: "cleo" }), "failed");
  const before = tried();
  const outcomes = await Promise.all(
    Array.from({ length: 50 }, () => tries("192.0.2.3", "again and again", { account: "ben" })),
  );
  assert.ok(outcomes.some((outcome) => typeof outcome === "number"));
  clock.now += 1;
  while ((await tries("192.0.2.3", "again and again", { account: "ben" })) === "failed");
  assert.ok(tried() - before <= 16, String(tried() - before));
});

test("what is right only for half a minute is a new guess each time", async (t) => {
  const { tries } = openDoor(t);
  const code = { kind: "second-factor" } as const;
  for (let n = 0; n < 5; n += 1) assert.equal(await tries("192.0.2.1", "123456", code), "failed");
  assert.equal(await tries("192.0.2.1", "123456", code), 30 * second);
});

test("whoever has the password has not made its network known to the second factor", async (t) => {
  const { guess, tries } = openDoor(t);
  const code = { kind: "second-factor" } as const;
  const outcomes: unknown[] = [];
  for (let n = 0; n < 40; n += 1) {
    assert.equal(await tries(`203.0.${n}.1`, right), "ok");
    outcomes.push(await guess(`203.0.${n}.1`, code));
  }
  assert.equal(outcomes.filter((outcome) => outcome === "failed").length, 10, "then each waits for a turn");
});

test("an IPv6 /64 is one source; the /56 and the /48 around it have larger allowances of their own", async (t) => {
  const { guess } = openDoor(t);
  let account = 0;
  const failures = async (addressOf: (n: number) => string): Promise<number> => {
    for (let n = 0; n < 100; n += 1) {
      const outcome = await guess(addressOf(n), { account: `name${(account += 1)}` });
      if (typeof outcome === "number") return n;
    }
    return 100;
  };
  assert.equal(await failures((n) => `2001:db8:1:1::${n.toString(16)}`), 10);
  assert.equal(await failures((n) => `2001:db8:2:1${n.toString(16).padStart(2, "0")}::1`), 20);
  assert.equal(await failures((n) => `2001:db8:3:${(n * 256).toString(16)}::1`), 40);
  assert.equal(
    await failures((n) => `2001:db8:${(n + 16).toString(16)}::1`),
    100,
    "others are not their kin",
  );
  assert.equal(await failures((n) => `::ffff:192.0.2.${n}`), 100, "IPv4 in IPv6's clothes");
});

test("a network that has signed in before keeps its own budget while its address is jailed", async (t) => {
  const { guess, tries, clock } = openDoor(t);
  assert.equal(await tries("198.51.100.7", right), "ok");
  for (let n = 0; n < 11; n += 1) await guess("198.51.100.7", { account: "ben" });
  assert.equal(typeof (await guess("198.51.100.7", { account: "ben" })), "number");
  assert.equal(await tries("198.51.100.7", right), "ok");
  assert.equal(await tries("198.51.100.200", right), "ok", "the address there changes, the network stays");
  assert.equal(
    typeof (await tries("198.51.100.7", right, { account: "ben" })),
    "number",
    "known to ada, not to ben",
  );
  clock.now += 31 * day;
  for (let n = 0; n < 11; n += 1) await guess("198.51.100.7", { account: "ben" });
  assert.equal(typeof (await tries("198.51.100.7", right)), "number", "after 30 days it is forgotten");
});

test("a known network may not guess without end either", async (t) => {
  const { guess, tries, clock } = openDoor(t);
  assert.equal(await tries("198.51.100.7", right), "ok");
  const outcomes: unknown[] = [];
  for (let n = 0; n < 100; n += 1) outcomes.push(await guess("198.51.100.7"));
  // Ten of the known, then ten of an address.
  assert.equal(outcomes.filter((outcome) => outcome === "failed").length, 20);
  clock.now += 5 * second;
  assert.equal(await tries("198.51.100.7", right), "ok");
  assert.equal(await guess("198.51.100.7"), "failed", "whoever was right has been making mistakes");
});

test("a device cookie has a budget of its own, for its member and for a while", async (t) => {
  const { guess, tries, guesses, clock, restart } = openDoor(t);
  const deviceCookie = await guesses().rememberDevice(1);
  const jail = async () => {
    for (let n = 0; n < 12; n += 1) await guess("203.0.113.1", { account: `x${n}` });
  };
  await jail();
  assert.equal(typeof (await tries("203.0.113.1", right)), "number");
  assert.equal(await tries("203.0.113.1", right, { deviceCookie }), "ok");
  await restart();
  await jail();
  const other = `${deviceCookie.slice(0, -1)}${deviceCookie.endsWith("A") ? "B" : "A"}`;
  for (const forged of [other, "", "x".repeat(43), "x".repeat(100_000)]) {
    assert.equal(typeof (await guess("203.0.113.1", { account: "ben", deviceCookie: forged })), "number");
  }
  assert.equal(typeof (await guess("203.0.113.1", { account: "ben", deviceCookie })), "number", "not ben's");
  for (let n = 0; n < 10; n += 1) assert.equal(await guess("203.0.113.9", { deviceCookie }), "failed");
  // Spent as well: from here it is a stranger like any other.
  for (let n = 0; n < 30; n += 1) await guess("203.0.113.9", { deviceCookie });
  assert.equal(typeof (await guess("203.0.113.9", { deviceCookie })), "number");
  await assert.rejects(guesses().rememberDevice(2), /for a member/);

  // 90 days without a visit, or a year.
  clock.now += 89 * day;
  await jail();
  assert.equal(await tries("203.0.113.1", right, { deviceCookie }), "ok");
  clock.now += 89 * day;
  await jail();
  assert.equal(await tries("203.0.113.1", right, { deviceCookie }), "ok", "each visit begins them anew");
  clock.now += 91 * day;
  await jail();
  assert.equal(typeof (await tries("203.0.113.1", right, { deviceCookie })), "number");
});

/** Twenty strangers, each with a guess of its own, and then some. */
async function attack(guess: (address: string, more?: Partial<Attempt>) => unknown, account = "ada") {
  for (let n = 0; n < 40; n += 1) await guess(`203.0.113.${n}`, { account });
}

test("an attacked account makes strangers wait for a turn, which no number of others puts off", async (t) => {
  const { guess, tries, guesses, clock } = openDoor(t);
  assert.equal(await tries("198.51.100.7", right), "ok");
  const deviceCookie = await guesses().rememberDevice(1);
  await attack(guess);
  assert.equal(await tries("192.0.2.77", right), 30 * second, "the owner, from where nobody knows her");
  assert.equal(await tries("198.51.100.9", right), "ok", "from a known network");
  assert.equal(await tries("192.0.2.88", right, { deviceCookie }), "ok", "from a known browser");
  for (let n = 0; n < 30; n += 1) {
    clock.now += second;
    for (let of = 0; of < 40; of += 1) await guess(`203.0.113.${of}`);
  }
  assert.equal(await tries("192.0.2.77", right), "ok");
  assert.equal(await tries("192.0.2.77", right), "ok", "and now her network is known");
  assert.equal(await guess("192.0.2.99", { account: "ben" }), "failed", "other accounts are not attacked");
});

test("a name that nobody has is attacked like any other", async (t) => {
  const outcomes = async (account: string) => {
    const { guess, clock } = openDoor(t);
    const seen: unknown[] = [];
    for (let n = 0; n < 60; n += 1) {
      seen.push(await guess(`203.0.113.${n % 45}`, { account }));
      clock.now += second;
    }
    return seen;
  };
  assert.deepEqual(await outcomes("ada"), await outcomes("nobody"));
  assert.deepEqual(await outcomes("ada"), await outcomes("x".repeat(500_000)));
});

test("a turn that led to no try is not lost", async (t) => {
  const { guess, tries, clock, guesses } = openDoor(t);
  await attack(guess);
  assert.equal(await tries("192.0.2.77", right), 30 * second);
  clock.now += 30 * second;
  const client = {
    host: "example.org",
    scheme: "https",
    address: "192.0.2.77",
    ray: "",
    country: "",
  } as const;
  const context: RequestContext = { client, guess: "none" };
  const busy = guesses().attempt(context, { kind: "password", account: "ada", credential: right }, () =>
    Promise.reject(new Error("busy")),
  );
  await assert.rejects(busy, /busy/);
  assert.equal(context.guess, "none");
  assert.equal(await tries("192.0.2.77", right), "ok");
});

test("a right token is let in whatever was tried before, and wrong ones are held off", async (t) => {
  const { guess, tries } = openDoor(t);
  const token = { kind: "invite-token", account: undefined } as const;
  const outcomes: unknown[] = [];
  for (let n = 0; n < 60; n += 1) outcomes.push(await guess("192.0.2.1", token));
  assert.equal(outcomes.filter((outcome) => outcome === "failed").length, 30);
  assert.equal(await tries("192.0.2.1", right, token), "ok");
  assert.equal(await guess("192.0.2.1", { kind: "refresh-token", account: undefined }), "failed");
  assert.equal(await guess("192.0.2.1"), "failed", "each kind has its own");
});

test("a restart forgets nothing, a kill at most the last five seconds, and a flood is few writes", async (t) => {
  const { guess, folder, restart } = openDoor(t);
  for (let n = 0; n < 12; n += 1) await guess("192.0.2.1", { account: `x${n}` });
  assert.equal(rowsIn(folder), 0, "nothing is written while the flood goes on");
  await restart();
  assert.equal(await guess("192.0.2.1"), 5 * second);
  assert.ok(rowsIn(folder) > 0);
  // The kill comes before anything of the second source was written.
  for (let n = 0; n < 12; n += 1) await guess("192.0.2.2", { account: `y${n}` });
  await restart(true);
  assert.equal(await guess("192.0.2.1"), 5 * second);
  let freed = 0;
  while ((await guess("192.0.2.2", { account: `z${freed}` })) === "failed") freed += 1;
  assert.equal(freed, 10, "no more than its free tries");
});

test("a clock that was set back holds nobody for longer, at an attacked account neither", async (t) => {
  const { guess, tries, clock } = openDoor(t);
  for (let n = 0; n < 12; n += 1) await guess("192.0.2.1", { account: `x${n}` });
  await attack(guess);
  assert.equal(await tries("192.0.2.77", right), 30 * second);
  clock.now -= 30 * day;
  assert.equal(await guess("192.0.2.1", { account: "x" }), 5 * second);
  assert.equal(await tries("192.0.2.77", right), 30 * second);
  clock.now += 30 * second;
  assert.equal(await guess("192.0.2.1", { account: "x" }), "failed");
  assert.equal(await tries("192.0.2.77", right), "ok");
});

function rowsIn(folder: string): number {
  const database = chooseDriver()(join(folder, "throttle.db"));
  const rows = database.prepare<{ n: number }>("SELECT count(*) AS n FROM budget").get()?.n ?? 0;
  database.close();
  return rows;
}

test("what the command line clears, a running server forgets within two seconds", async (t) => {
  const { guess, folder } = openDoor(t);
  for (const address of ["192.0.2.1", "2001:db8::1", "192.0.2.9"]) {
    for (let n = 0; n < 12; n += 1) await guess(address, { account: `x${n}` });
  }
  await attack(guess);
  const database = openDatabase({
    name: "throttle",
    file: join(folder, "throttle.db"),
    migrations: throttleMigrations,
    open: chooseDriver(),
  });
  const store = openThrottleStore(database);
  for (const what of ["192.0.2.1", "2001:db8::/64", "ada"]) await store.askToClear(what, []);
  while (store.clearings().length > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  await database.close();
  assert.equal(await guess("192.0.2.1", { account: "ben" }), "failed");
  assert.equal(await guess("2001:db8::1", { account: "ben" }), "failed");
  assert.equal(await guess("192.0.2.50"), "failed");
  assert.equal(typeof (await guess("192.0.2.9", { account: "ben" })), "number");
});

test("sources without end do not take memory without end, and do not free the ones that are jailed", async (t) => {
  const { guess } = openDoor(t);
  for (let n = 0; n < 14; n += 1) await guess("192.0.2.1", { account: `x${n}` });
  for (let n = 0; n < 11_000; n += 1) {
    await guess(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, { kind: "api-key", account: undefined });
  }
  assert.equal(typeof (await guess("192.0.2.1")), "number");
});
