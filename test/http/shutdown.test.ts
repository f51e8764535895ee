import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { createSignedClient } from "../support/signed-client.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestOrigin } from "../support/test-origin.ts";

test("a stop ends a waiting long-poll with an answer, closes the databases, and twice is once", async (t) => {
  const dataDir = join(temporaryFolder(t), "data");
  const { origin, facts } = await startTestOrigin({ dataDir });
  const edge = createSignedClient({ origin: facts.url, edgeKey: facts.edgeKey, host: "burrow.localhost" });
  t.after(() => edge.close());
  const owner = await origin.members.createOwner({ name: "ada", password: "seventeen hollow oaks by night" });
  const { accessToken: token } = await origin.members.openSession(owner.id, { address: "192.0.2.1" });
  const first = await edge.request({ method: "GET", path: "/_matrix/client/v3/sync", token });
  const since = first.json<{ next_batch: string }>().next_batch;

  const waiting = edge.request({
    method: "GET",
    path: `/_matrix/client/v3/sync?since=${since}&timeout=30000`,
    token,
  });
  // A later answer on another connection: the long-poll before it has been taken up.
  await edge.request({ method: "GET", path: "/_matrix/client/v3/account/whoami", token });
  await Promise.all([origin.close(), origin.close()]);
  assert.equal((await waiting).status, 200);

  assert.ok(!existsSync(join(dataDir, "running.json")));
  for (const name of ["members", "matrix"])
    assert.ok(!existsSync(join(dataDir, "databases", `${name}.db-wal`)), name);
  await assert.rejects(edge.request({ method: "GET", path: "/" }), /ECONNREFUSED|hang up/);
  const again = await startTestOrigin({ dataDir });
  assert.equal(again.origin.members.find("ada")?.role, "owner");
  await again.close();
});
