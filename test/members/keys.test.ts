import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { membersAfterRestore } from "../../origin/members/after-restore.ts";
import type { Authority } from "../../origin/members/authority.ts";
import type { Members } from "../../origin/members/members.ts";
import { chooseDriver } from "../../origin/storage/open-driver.ts";
import { memberPassword, openHousehold, refusedAs, settle } from "./open-members.ts";

const day = 24 * 60 * 60 * 1000;
const device: Authority = { via: "device" };
const address = "192.0.2.7";

async function household(t: Parameters<typeof openHousehold>[0]) {
  const opened = await openHousehold(t);
  const { ownerId, invite } = await settle(opened.members);
  const ben = await opened.members.register({ name: "ben", password: memberPassword, inviteToken: invite });
  return { ...opened, ownerId, benId: ben.id };
}

const apiKey = (members: Members, memberId: number, scopes: string[], expiresInMs = 30 * day) =>
  members.keys.create(device, { memberId, kind: "api-key", name: "script", scopes, expiresInMs });

test("an API key opens what it was made for, is shown once, and leaves only its hash", async (t) => {
  const { members, database, ownerId, restart } = await household(t);
  const { secret, ...shown } = await apiKey(members, ownerId, ["metrics", "admin:read", "metrics"]);
  assert.match(secret, /^burrow_key_[0-9a-hjkmnp-tv-z]{32}$/);
  const verified = members.keys.verify("api-key", secret, address);
  assert.equal(verified?.member.name, "ada");
  assert.deepEqual(verified?.key.scopes, ["metrics", "admin:read"]);
  assert.equal("secret" in (members.keys.list(ownerId)[0] ?? {}), false);
  assert.deepEqual(members.keys.list(ownerId)[0]?.id, shown.id);
  const kept = database.prepare<{ hash: Uint8Array }>("SELECT * FROM keys").all();
  assert.equal(kept[0]?.hash.length, 32);
  assert.equal(JSON.stringify(kept).includes(secret.slice(11)), false);
  const reopened = await restart();
  assert.equal(reopened.keys.verify("api-key", secret, address)?.key.id, shown.id);
});

test("an app password is taken as people type it, with or without its prefix", async (t) => {
  const { members, benId } = await household(t);
  const own: Authority = { via: "session", memberId: benId };
  const request = { memberId: benId, kind: "app-password", name: " Phone\nmail ", scopes: ["mail"] } as const;
  const { secret, name, expiresAt } = await members.keys.create(own, request);
  assert.match(secret, /^burrow_app_(?:[0-9a-hjkmnp-tv-z]{4}-){6}[0-9a-hjkmnp-tv-z]{4}$/);
  assert.deepEqual([name, expiresAt], ["Phone mail", null]);
  const body = secret.slice("burrow_app_".length);
  const typed = [
    secret,
    secret.toUpperCase(),
    body,
    ` ${body.replaceAll("-", " ")} `,
    body.replaceAll("-", ""),
    secret.replaceAll("0", "O").replaceAll("1", "l"),
  ];
  for (const spelling of typed.slice(0, 5)) {
    assert.ok(members.keys.verify("app-password", spelling, address), spelling);
  }
  assert.ok(members.keys.verify("app-password", body.replaceAll("0", "O").replaceAll("1", "l"), address));
});

test("what is not this key opens nothing: another kind, a letter off, nothing, a megabyte", async (t) => {
  const { members, ownerId } = await household(t);
  const { secret } = await apiKey(members, ownerId, ["metrics"]);
  const off = secret.slice(0, -1) + (secret.endsWith("a") ? "b" : "a");
  for (const wrong of [off, "", "burrow_key_", secret.slice(11), `${secret}0`, "x".repeat(1e6)]) {
    assert.equal(members.keys.verify("api-key", wrong, address), undefined);
  }
  assert.equal(members.keys.verify("app-password", secret, address), undefined);
});

test("a key ends when it expires or is revoked, on the next use, over a second process, too", async (t) => {
  const { members, ownerId, clock, openAnother } = await household(t);
  const first = await apiKey(members, ownerId, ["metrics"], day);
  const second = await apiKey(members, ownerId, ["metrics"]);
  clock.now += day;
  assert.equal(members.keys.verify("api-key", first.secret, address), undefined);
  assert.ok(members.keys.verify("api-key", second.secret, address));
  const commandLine = openAnother();
  assert.equal(await commandLine.keys.revoke(device, second.id), true);
  assert.equal(members.keys.verify("api-key", second.secret, address), undefined);
  assert.equal(await members.keys.revoke(device, second.id), false);
  assert.equal(await members.keys.revoke(device, 999), false);
});

test("an API key always expires, within a year; an app password need not", async (t) => {
  const { members, ownerId } = await household(t);
  const base = { memberId: ownerId, name: "", scopes: ["mail"] };
  for (const expiresInMs of [undefined, 0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 367 * day]) {
    await assert.rejects(
      members.keys.create(device, { ...base, kind: "api-key", expiresInMs }),
      refusedAs("key-invalid"),
    );
  }
  const longest = await members.keys.create(device, { ...base, kind: "api-key", expiresInMs: 366 * day });
  assert.equal(longest.name, "API key");
  await assert.rejects(
    members.keys.create(device, { ...base, kind: "app-password", expiresInMs: 367 * day }),
    refusedAs("key-invalid"),
  );
  assert.equal(members.keys.list().length, 1);
});

test("scopes come from the list; the owner's go to the owner's API keys only; none is no key", async (t) => {
  const { members, ownerId, benId } = await household(t);
  const refused: [number, "api-key" | "app-password", string[]][] = [
    [benId, "api-key", ["admin:read"]],
    [benId, "api-key", ["mail", "metrics"]],
    [ownerId, "app-password", ["admin:write"]],
    [ownerId, "api-key", ["*"]],
    [ownerId, "api-key", ["constructor"]],
    [ownerId, "api-key", []],
  ];
  for (const [memberId, kind, scopes] of refused) {
    const request = { memberId, kind, name: "", scopes, expiresInMs: day };
    await assert.rejects(members.keys.create(device, request), refusedAs("key-invalid"), String(scopes));
  }
  assert.equal(members.keys.list().length, 0);
});

test("a session mints, sees and ends its own member's keys only", async (t) => {
  const { members, ownerId, benId } = await household(t);
  const ben: Authority = { via: "session", memberId: benId };
  const request = { memberId: ownerId, kind: "api-key", name: "", scopes: ["admin:write"], expiresInMs: day };
  await assert.rejects(members.keys.create(ben, { ...request, kind: "api-key" }), refusedAs("not-allowed"));
  const { id, secret } = await apiKey(members, ownerId, ["metrics"]);
  await assert.rejects(members.keys.revoke(ben, id), refusedAs("not-allowed"));
  assert.deepEqual(members.keys.list(benId), []);
  assert.ok(members.keys.verify("api-key", secret, address));
  assert.equal(await members.keys.revoke({ via: "session", memberId: ownerId }, id), true);
});

test("last use is noted once an hour, however often and from however many places a key is used", async (t) => {
  const { members, database, ownerId, clock } = await household(t);
  const { secret } = await apiKey(members, ownerId, ["metrics"]);
  const seen = () => {
    const { lastUsedAt, lastUsedAddress } = members.keys.list(ownerId)[0] ?? {};
    return [lastUsedAt, lastUsedAddress];
  };
  const written = () => database.prepare<{ n: number }>("SELECT total_changes() AS n").get()?.n ?? 0;
  /** Waits until what is queued is on disk, and until whoever queued it has heard so. */
  const settled = async () => {
    for (let turn = 0; turn < 2; turn += 1) await database.write(() => {});
  };
  const start = clock.now;
  const before = written();
  for (let use = 0; use < 50; use += 1) members.keys.verify("api-key", secret, address);
  await settled();
  assert.deepEqual(seen(), [start, address]);
  assert.equal(written() - before, 1);
  clock.now += 59 * 60 * 1000;
  members.keys.verify("api-key", secret, "198.51.100.2");
  await settled();
  assert.deepEqual(seen(), [start, address]);
  clock.now += 60 * 1000;
  members.keys.verify("api-key", secret, "198.51.100.2");
  await settled();
  assert.deepEqual(seen(), [clock.now, "198.51.100.2"]);
});

test("whoever is locked has no keys until unlocked; whoever is gone has none for good", async (t) => {
  const { members, benId } = await household(t);
  const { secret } = await apiKey(members, benId, ["mail"]);
  const opens = () => members.keys.verify("api-key", secret, address)?.member.state;
  await members.lock(benId);
  assert.equal(opens(), undefined);
  await members.unlock(benId);
  assert.equal(opens(), "active");
  await members.suspend(benId);
  assert.equal(opens(), "suspended");
  await members.deactivate(benId);
  assert.equal(opens(), undefined);
  assert.notEqual(members.keys.list(benId)[0]?.revokedAt, null);
});

test("a member has 50 live keys at most; ended ones count no more, and are forgotten after 90 days", async (t) => {
  const { members, benId, clock } = await household(t);
  const made = [];
  for (let at = 0; at < 50; at += 1) made.push(await apiKey(members, benId, ["mail"]));
  await assert.rejects(apiKey(members, benId, ["mail"]), refusedAs("too-many"));
  await members.keys.revoke(device, made[0]?.id ?? 0);
  await apiKey(members, benId, ["mail"]);
  clock.now += 121 * day;
  await apiKey(members, benId, ["mail"]);
  assert.equal(members.keys.list(benId).length, 1);
});

test("after a restore no key of that time opens anything; the second factors of that time do", async (t) => {
  const { members, folder, benId } = await household(t);
  const { secret } = await apiKey(members, benId, ["mail"]);
  const [code = ""] = await members.recoveryCodes.regenerate(device, benId);
  const driver = chooseDriver()(join(folder, "members.db"));
  driver.exec(membersAfterRestore);
  driver.close();
  assert.equal(members.keys.verify("api-key", secret, address), undefined);
  assert.equal(typeof members.keys.list(benId)[0]?.revokedAt, "number");
  assert.equal(await members.recoveryCodes.use(benId, code), true);
});

test("what is remembered of a key or a browser's session holds neither past a write here nor past one elsewhere", async (t) => {
  const { members, ownerId, benId, clock, openAnother } = await household(t);
  const beside = openAnother();
  const soon = await apiKey(members, ownerId, ["metrics"], day);
  const own = { memberId: benId, kind: "app-password", name: "", scopes: ["apps"] } as const;
  const [phone, laptop] = [await members.keys.create(device, own), await members.keys.create(device, own)];
  const browser = { host: "id.example.org", address, userAgent: "" };
  const parent = await members.webSessions.open(benId, browser);
  const child = await members.webSessions.openChild(parent.id, { ...browser, host: "notes.example.org" });
  const state = (): unknown[] => [
    ...[phone, laptop].map(
      ({ secret }) => members.keys.verify("app-password", secret, address)?.member.state,
    ),
    members.keys.verify("api-key", soon.secret, address)?.member.state,
    members.webSessions.find(child?.token ?? "", "notes.example.org")?.member.state,
  ];
  /** The moment for which nobody asks whether another process has written. */
  const moment = (): void => {
    for (const begun = performance.now(); performance.now() - begun < 2; ) continue;
  };
  assert.deepEqual(state(), ["active", "active", "active", "active"]);
  await members.keys.revoke(device, phone.id);
  assert.deepEqual(state(), [undefined, "active", "active", "active"]);
  await members.suspend(benId);
  assert.deepEqual(state(), [undefined, "suspended", "active", "suspended"]);
  await beside.unsuspend(benId);
  moment();
  assert.deepEqual(state(), [undefined, "active", "active", "active"]);
  await beside.keys.revoke(device, laptop.id);
  await beside.webSessions.endAll(benId);
  moment();
  assert.deepEqual(state(), [undefined, undefined, "active", undefined]);
  clock.now += day;
  assert.deepEqual(state(), [undefined, undefined, undefined, undefined]);
});

test("a browser's session that is remembered ends with its parent and by its time", async (t) => {
  const { members, benId, clock } = await household(t);
  const browser = { host: "id.example.org", address, userAgent: "" };
  const parent = await members.webSessions.open(benId, browser);
  const child = await members.webSessions.openChild(parent.id, { ...browser, host: "notes.example.org" });
  const isSomebody = (): boolean =>
    members.webSessions.find(child?.token ?? "", "notes.example.org") !== undefined;
  assert.equal(isSomebody(), true);
  clock.now += 14 * day;
  assert.equal(isSomebody(), false);
  clock.now -= 14 * day;
  assert.equal(isSomebody(), true);
  await members.webSessions.end(benId, parent.id);
  assert.equal(isSomebody(), false);
});
