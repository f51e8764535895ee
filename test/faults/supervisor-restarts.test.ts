import assert from "node:assert/strict";
import { test } from "node:test";

import { supervise } from "../host/supervisor/fixture.ts";
import { crash } from "./supervisor-restarts.ts";

test("a service that crashes again and again costs no memory", async (t) => {
  const supervised = await supervise(t, { services: [{ name: "broken", command: ["/bin/false"] }] });
  const footprints = [await crash(supervised, 0, 20)];
  for (let window = 0; window < 3; window += 1)
    footprints.push(await crash(supervised, 20 + 30 * window, 30));
  // The engine takes some memory of its own at times it chooses; what is kept for each start shows in every window.
  const growth = footprints.slice(1).map((now, index) => now.heap - (footprints[index]?.heap ?? 0));
  // A child that is kept, with its streams, is about 9 kB.
  assert.ok(Math.min(...growth) / 30 < 5_000, `${growth.join(", ")} bytes in 30 restarts each`);
  const [first, last] = [footprints[0], footprints.at(-1)];
  assert.ok((last?.resources ?? 0) - (first?.resources ?? 0) <= 2, "handles are kept");
});
