import assert from "node:assert/strict";
import { test } from "node:test";

import { networksOf } from "../../shared/client-networks.ts";

const texts = (address: string) => {
  const { sources, neighbourhood } = networksOf(address);
  return [...sources.map(({ text }) => text), neighbourhood];
};

test("an address has the networks that are counted, however it is written", () => {
  assert.deepEqual(texts("192.0.2.77"), ["192.0.2.77/32", "192.0.2.0/24"]);
  assert.deepEqual(texts("::ffff:192.0.2.77"), texts("192.0.2.77"));
  assert.deepEqual(texts("::ffff:c000:24d"), texts("192.0.2.77"));
  const six = ["2001:db8:1:23ff::/64", "2001:db8:1:2300::/56", "2001:db8:1::/48", "2001:db8:1::/48"];
  assert.deepEqual(texts("2001:db8:1:23ff:1:2:3:4"), six);
  assert.deepEqual(texts("2001:0DB8:0001:23FF::"), six);
  assert.deepEqual(texts("::"), ["::/64", "::/56", "::/48", "::/48"]);
});

test("what is no address is one source", () => {
  for (const none of ["", "unknown", "192.0.2.1, 192.0.2.2", "192.0.2.1:443", "[2001:db8::1]", "999.1.1.1"])
    assert.deepEqual(texts(none), ["unknown", "unknown"], none);
});
