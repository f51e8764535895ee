import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "../../../origin/config/read-config.ts";
import { createLog } from "../../../origin/host/log.ts";
import { createOutbound } from "../../../origin/host/outbound/outbound.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { benchOutbound, fault, startStand } from "./outbound-bench.ts";

const post = { method: "POST", body: "{}" };

test("only a test server reaches a gateway on loopback", async (t) => {
  const stand = await startStand(t);
  const url = `http://127.0.0.1:${stand.port}/_matrix/push/v1/notify`;
  const { outbound } = benchOutbound(t);
  await assert.rejects(outbound.fetch("push", url, post), fault("bad-url"));
  await assert.rejects(outbound.fetch("guarded", url), fault("bad-url"));
  assert.equal(stand.connections(), 0);

  const config = readConfig({
    dataDir: temporaryFolder(t),
    environment: { BURROW_SERVER_NAME: "hs1", BURROW_MODE: "test", BURROW_ALLOW_DEV_MODE: "1" },
    overrides: { testing: { sharedSecret: "" }, publicUrl: "http://127.0.0.1" },
  });
  const testing = createOutbound({
    config,
    now: Date.now,
    log: createLog({ level: "error", now: Date.now, write: () => {} }),
  });
  t.after(() => testing.close());
  assert.equal((await testing.fetch("push", url, post)).status, 200);
});

test("a push carries a notification and nothing else, and goes no further than the gateway", async (t) => {
  const stand = await startStand(t, (_, response) =>
    response.writeHead(307, { location: "http://elsewhere.example.org/" }).end(),
  );
  const { outbound, resolved } = benchOutbound(t, {
    stands: { "198.51.100.7:80": stand },
    names: { "push.example.org": ["198.51.100.7"] },
  });
  const answer = await outbound.fetch("push", "http://push.example.org/_matrix/push/v1/notify", post);
  assert.equal(answer.status, 307);
  assert.deepEqual(resolved, ["push.example.org"]);
  await assert.rejects(outbound.fetch("push", "http://push.example.org/"), fault("bad-request"));
});
