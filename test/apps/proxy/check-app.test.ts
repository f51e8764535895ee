/** G9, E9: what doctor says of an app of somebody else's. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { checkApp } from "../../../origin/apps/proxy/check-app.ts";
import { readApps } from "../../../origin/config/read-apps.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

async function check(t: TestContext, settings: Record<string, unknown>) {
  const surroundings = {
    serverName: "example.org",
    mode: "production",
    dataDir: temporaryFolder(t),
    android: false,
  } as const;
  const { apps, problems } = readApps([{ name: "notes", ...settings }], surroundings);
  assert.deepEqual(problems, []);
  const [app] = apps;
  assert.ok(app);
  const rows = await checkApp(app);
  return Object.fromEntries(rows.map((row) => [row.name, row]));
}

test("an app that is away, and one that anybody on the device could talk to, are told with what mends it", async (t) => {
  const rows = await check(t, { upstream: "http://127.0.0.1:1" });
  assert.equal(rows["upstream"]?.status, "failed");
  assert.match(rows["upstream"]?.detail ?? "", /127\.0\.0\.1:1: ECONNREFUSED/);
  assert.equal(rows["identity"]?.status, "warning");
  assert.match(rows["identity"]?.mend ?? "", /mode 0600, or set secret_file/);
  assert.equal(rows["entrance"]?.detail, "Every member may enter, nobody else.");
  const untold = await check(t, { upstream: "http://127.0.0.1:1", identity: false });
  assert.equal(untold["identity"]?.status, "ok");
});

test("a socket is good where nobody else can connect to it", async (t) => {
  const path = join(temporaryFolder(t), "app.sock");
  const server = createServer().listen(path);
  await once(server, "listening");
  t.after(() => server.close());
  for (const [mode, status] of [
    [0o600, "ok"],
    [0o666, "warning"],
    [0o660, "warning"],
  ] as const) {
    chmodSync(path, mode);
    const rows = await check(t, { upstream: `unix:${path}` });
    assert.equal(rows["upstream"]?.status, "ok");
    assert.equal(rows["identity"]?.status, status, mode.toString(8));
  }
});

test("a secret must be there and closed; what is open to everybody is listed", async (t) => {
  const file = join(temporaryFolder(t), "secret");
  const settings = {
    upstream: "http://127.0.0.1:1",
    secret_file: file,
    open_paths: ["/a", "/b"],
    who: ["ada"],
  };
  assert.equal((await check(t, settings))["identity"]?.status, "failed");
  writeFileSync(file, "0123456789abcdef", { mode: 0o644 });
  assert.match((await check(t, settings))["identity"]?.detail ?? "", /chmod 600/);
  chmodSync(file, 0o600);
  const rows = await check(t, settings);
  assert.equal(rows["identity"]?.status, "ok");
  assert.equal(rows["entrance"]?.detail, "ada may enter; without signing in everybody may: /a, /b.");
  const open = await check(t, { upstream: "http://127.0.0.1:1", who: "everyone" });
  assert.equal(open["entrance"]?.status, "warning");
});
