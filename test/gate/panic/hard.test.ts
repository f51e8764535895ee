/** E8, hard: what runs beside the origin is stopped, and neither a boot nor its watchdog nor its owner starts it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { stringify } from "smol-toml";

import { openPanicDatabase } from "../../../origin/gate/panic/panic-database.ts";
import { createPanicLatch } from "../../../origin/gate/panic/panic-latch.ts";
import { askDaemon } from "../../../origin/host/supervisor/control.ts";
import {
  crashService,
  lightBeacon,
  nodeService,
  prepareFolders,
  reporting,
  supervise,
  writeServices,
} from "../../host/supervisor/fixture.ts";
import { runCommand } from "../../support/run-command.ts";
import { startTestOrigin } from "../../support/test-origin.ts";

test("a held service stays down, however it is asked for, and comes up in its order when it is released", async (t) => {
  const { supervisor, clock, logged } = await supervise(t, {
    services: [
      { name: "store", command: ["/bin/sleep", "60"] },
      { name: "reader", command: ["/bin/sleep", "60"], start_after: ["store"] },
    ],
  });
  await logged("service.started", "reader");
  // One of them is waiting for its next try by then.
  crashService(supervisor);
  await logged("service.ended", "store");
  await supervisor.hold();
  assert.deepEqual(
    supervisor.status().map(({ state, pid }) => [state, pid]),
    [
      ["stopped", null],
      ["stopped", null],
    ],
  );
  clock.advance(3_600_000);
  await assert.rejects(supervisor.restart("reader"), { name: "HeldServiceError" });
  assert.deepEqual(
    supervisor.status().map(({ state }) => state),
    ["stopped", "stopped"],
  );
  supervisor.release();
  await logged("service.started", "store", 2);
  await logged("service.started", "reader", 2);
});

test("a panic in the midst of a start holds it too", async (t) => {
  const { supervisor, dataDir } = await supervise(t, {
    services: [{ name: "store", command: ["/bin/sleep", "60"] }],
    held: true,
  });
  supervisor.release();
  await supervisor.hold();
  // It looks at the same tables as the start that was under way, and longer.
  for (let looked = 0; looked < 3; looked += 1) await askDaemon(dataDir, { do: "status" });
  assert.deepEqual(
    supervisor.status().map(({ state, pid }) => [state, pid]),
    [["stopped", null]],
  );
});

test("a start under hard starts none, and the end of the panic does", async (t) => {
  const beacon = await lightBeacon(t);
  const { folder, dataDir } = prepareFolders(t, 'mode = "development"\n[tunnel]\nenabled = false\n');
  const program = `${reporting(beacon)} say({}); setInterval(() => {}, 1e6);`;
  const servicesFile = writeServices(folder, stringify({ service: [nodeService("notes", program)] }));
  const database = openPanicDatabase(dataDir);
  await createPanicLatch(database, Date.now).set("hard");
  await database.close();

  const lines: string[] = [];
  const server = await startTestOrigin({ dataDir, servicesFile, write: (line) => lines.push(line) });
  t.after(() => server.close());
  const burrow = (...words: string[]) => runCommand(["--data", dataDir, "--json", ...words]);
  const listed = (await burrow("service", "list")).json<{ services: { state: string }[] }>();
  assert.deepEqual(
    listed.services.map(({ state }) => state),
    ["waiting"],
  );
  const restart = await burrow("service", "restart", "notes");
  assert.match(restart.stdout, /panic is in force/);

  await burrow("panic", "clear");
  const { gone } = await beacon.next();
  await burrow("panic", "hard");
  await gone;
});
