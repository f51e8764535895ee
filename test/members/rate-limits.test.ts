import assert from "node:assert/strict";
import { test } from "node:test";

import {
  createRateLimits,
  limitNames,
  type Payer,
  type RatesPerMinute,
} from "../../origin/members/rate-limits.ts";

const rates = Object.fromEntries(limitNames.map((name) => [name, 60])) as unknown as RatesPerMinute;

function limitsAt(clock: { now: number }) {
  return createRateLimits(rates, () => clock.now);
}

const phone: Payer = { memberId: 1, deviceId: "PHONE", owner: false };
const from = (address: string): Payer => ({ address });

test("a minute's worth may come at once, then one at a time", () => {
  const clock = { now: 5 };
  const limits = limitsAt(clock);
  for (let taken = 0; taken < 60; taken += 1) assert.equal(limits.take("messages", phone), 0);
  const wait = limits.take("messages", phone);
  assert.equal(wait, 1000, "one a second comes back");
  clock.now += wait;
  assert.equal(limits.take("messages", phone), 0);
  assert.ok(limits.take("messages", phone) > 0);
  assert.equal(limits.take("joins", phone), 0, "each kind has its own");
  assert.equal(limits.take("messages", { ...phone, memberId: 2 }), 0, "each member has their own");
});

test("a refused request takes nothing, however often it comes", () => {
  const clock = { now: 0 };
  const limits = limitsAt(clock);
  assert.equal(limits.take("messages", phone, 60), 0);
  for (let asked = 0; asked < 100; asked += 1) assert.ok(limits.take("messages", phone, 10) > 0);
  clock.now += 10_000;
  assert.equal(limits.take("messages", phone, 10), 0);
});

test("many devices of one member share what the member may do, and an owner may do more", () => {
  const limits = limitsAt({ now: 0 });
  let taken = 0;
  for (let device = 0; device < 10; device += 1) {
    const payer = { memberId: 3, deviceId: `D${device}`, owner: false };
    while (limits.take("messages", payer) === 0) taken += 1;
  }
  assert.equal(taken, 180);
  let owners = 0;
  while (limits.take("messages", { memberId: 4, deviceId: "X", owner: true }) === 0) owners += 1;
  assert.equal(owners, 300);
});

test("an IPv6 network is one source, an IPv4 address another, however it is written", () => {
  const limits = limitsAt({ now: 0 });
  limits.take("login", from("2001:db8:1:2::5"), 60);
  assert.ok(limits.take("login", from("2001:0DB8:1:2:ffff::1")) > 0);
  assert.equal(limits.take("login", from("2001:db8:1:3::5")), 0);
  limits.take("login", from("192.0.2.7"), 60);
  assert.ok(limits.take("login", from("::ffff:192.0.2.7")) > 0);
  assert.equal(limits.take("login", from("192.0.2.8")), 0);
});

test("more than a bucket holds is let through when it is full, and memory stays bounded", () => {
  const clock = { now: 0 };
  const limits = limitsAt(clock);
  assert.equal(limits.take("keys", phone, 1000), 0);
  assert.ok(limits.take("keys", phone, 1) > 0);
  for (let host = 0; host < 30_000; host += 1) {
    limits.take("login", from(`10.${host >> 16}.${(host >> 8) & 255}.${host & 255}`));
  }
  assert.equal(limits.take("login", from("10.0.0.1")), 0);
});

test("without rates nothing is limited", () => {
  const limits = createRateLimits(undefined);
  for (let taken = 0; taken < 10_000; taken += 1) assert.equal(limits.take("messages", phone), 0);
});
