import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";

import { checkEdge } from "../../origin/cli/doctor/service.ts";
import type { Config } from "../../origin/config/config.ts";

/** An edge that gives this answer to everything. */
async function edgeThatSays(
  t: TestContext,
  body: object,
  headers: Record<string, string> = {},
): Promise<Config> {
  const server = createServer((_, outgoing) => {
    outgoing.writeHead(200, { "content-type": "application/json", ...headers });
    outgoing.end(JSON.stringify(body));
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  return { publicUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } as Config;
}

test("a clock that is off is told with its size and direction", async (t) => {
  const ahead = await checkEdge(await edgeThatSays(t, { edge_proof_accepted: true, clock_skew_s: 3_600 }));
  assert.deepEqual(
    ahead.map((check) => check.status),
    ["ok", "warning"],
  );
  assert.match(ahead[1]?.detail ?? "", /3600 s ahead of/);
  const behind = await checkEdge(await edgeThatSays(t, { edge_proof_accepted: true, clock_skew_s: -61 }));
  assert.match(behind[1]?.detail ?? "", /61 s behind/);
  const fine = await checkEdge(await edgeThatSays(t, { edge_proof_accepted: true, clock_skew_s: 60 }));
  assert.equal(fine[1]?.status, "ok");
});

test("where the edge does not know the difference, its Date does", async (t) => {
  const date = new Date(Date.now() - 86_400_000).toUTCString();
  const checks = await checkEdge(
    await edgeThatSays(t, { edge_proof_accepted: false, clock_skew_s: null }, { date }),
  );
  assert.deepEqual(
    checks.map((check) => check.status),
    ["failed", "warning"],
  );
  assert.match(checks[0]?.mend ?? "", /EDGE_KEY/);
  assert.match(checks[1]?.detail ?? "", /8640\d s ahead of/);
});

test("an edge that is away is a warning with the reason", async () => {
  const checks = await checkEdge({ publicUrl: "http://127.0.0.1:9" } as Config);
  assert.equal(checks[0]?.status, "warning");
  assert.match(checks[0]?.detail ?? "", /does not answer \(/);
});
