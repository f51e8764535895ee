import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createRandom, planArrivals } from "./arrivals.ts";
import { createHistogram } from "./histogram.ts";
import { runOpenLoop } from "./open-loop.ts";

test("A quantile is right within two percent, from microseconds to minutes", () => {
  for (const scale of [0.01, 1, 37, 60_000]) {
    const histogram = createHistogram();
    for (let value = 1; value <= 1000; value += 1) histogram.record((value / 1000) * scale);
    for (const q of [0.5, 0.95, 0.99]) {
      const found = histogram.quantile(q) / scale;
      assert.ok(Math.abs(found - q) <= 0.02 * q + 0.001 / scale, `${found} for ${q} of ${scale} ms`);
    }
    assert.equal(histogram.quantile(1), scale);
    assert.equal(histogram.max, scale);
  }
});

test("Histograms add up, and an empty one has no quantile", () => {
  const [few, many] = [createHistogram(), createHistogram()];
  assert.ok(Number.isNaN(few.quantile(0.5)));
  few.record(100);
  for (let index = 0; index < 99; index += 1) many.record(1);
  few.add(many);
  few.add(createHistogram());
  assert.deepEqual([few.count, few.max, few.quantile(0.99).toFixed(1)], [100, 100, "1.0"]);
});

test("A schedule is the same for the same seed, of the wanted rate, and irregular", () => {
  const plan = (seed: number) => planArrivals({ perSecond: 200, seconds: 5, random: createRandom(seed) });
  const arrivals = plan(1);
  assert.deepEqual(arrivals, plan(1));
  assert.notDeepEqual(arrivals, plan(2));
  assert.equal(arrivals.length, 1000);
  assert.ok(arrivals.every((at, index) => at >= (arrivals[index - 1] ?? 0) && at < 5000));
  // Of a Poisson process a gap is shorter than the mean in 63 of 100 cases; of a regular one in none or all.
  const short = arrivals.filter((at, index) => at - (arrivals[index - 1] ?? 0) < 5).length;
  assert.ok(short > 580 && short < 690, `${short} short gaps`);
});

test("What is due while an answer is awaited waits, and its wait counts", async () => {
  const order: number[] = [];
  const { latency, done, failed } = await runOpenLoop({
    arrivals: [0, 1, 2],
    clients: 1,
    async work(index) {
      order.push(index);
      if (index === 0) await pause(60);
      if (index === 2) throw new Error("refused");
    },
  });
  assert.deepEqual([order, done, failed], [[0, 1, 2], 2, 1]);
  // Nothing but the server's own stall kept the second one: a closed loop would have called it instant.
  assert.ok(latency.quantile(0) > 50, `${latency.quantile(0)} ms`);
});
