import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { freePort, startOriginProcess } from "../support/origin-process.ts";
import { createSignedClient } from "../support/signed-client.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const burrow = fileURLToPath(new URL("../../bin/burrow", import.meta.url));
const run = promisify(execFile);
const kills = 3;
const events = 60;

test("SIGKILL while delayed events come due: none is lost and none sent twice", async (t) => {
  const dataDir = temporaryFolder(t);
  const port = await freePort();
  const env = { NODE_COMPILE_CACHE: join(dataDir, "compiled") };
  const start = () => startOriginProcess({ dataDir, port, env });
  let origin = await start();
  const { edgeKey, url } = origin;
  const client = createSignedClient({ origin: url, edgeKey, host: "burrow.localhost" });
  const owner = run(burrow, ["--data", dataDir, "owner", "create", "dora", "--password-stdin"]);
  owner.child.stdin?.end("the owner's long password\n");
  await owner;

  let token = "";
  async function ask(method: string, path: string, body?: object) {
    const answer = await client.request({ method, path: `/_matrix/client/${path}`, token, body });
    assert.equal(answer.status, 200, `${method} ${path}: ${answer.text}`);
    // oxlint-disable-next-line no-explicit-any -- as the server says it
    return answer.json() as any;
  }
  const identifier = { type: "m.id.user", user: "dora" };
  const password = "the owner's long password";
  token = (await ask("POST", "v3/login", { type: "m.login.password", identifier, password })).access_token;
  const room = encodeURIComponent((await ask("POST", "v3/createRoom", {})).room_id);
  const expected: string[] = [];
  for (let index = 0; index < events; index += 1) {
    // Spread over the kills and the restarts between them.
    const delay = `org.matrix.msc4140.delay=${200 + index * 40}`;
    const body = `number ${index}`;
    await ask("PUT", `v3/rooms/${room}/send/m.room.message/t${index}?${delay}`, { msgtype: "m.text", body });
    expected.push(body);
  }
  for (let kill = 0; kill < kills; kill += 1) {
    await pause(137 + kill * 61);
    await origin.kill("SIGKILL");
    origin = await start();
  }
  const waiting = "unstable/org.matrix.msc4140/delayed_events";
  while ((await ask("GET", waiting)).delayed_events.length > 0) await pause(50);
  const { chunk } = await ask("GET", `v3/rooms/${room}/messages?dir=f&limit=100`);
  const sent: string[] = chunk
    .filter(({ type }: { type: string }) => type === "m.room.message")
    .map(({ content }: { content: { body: string } }) => content.body);
  assert.deepEqual(sent.toSorted(), expected.toSorted());
  client.close();
  await origin.kill("SIGTERM");
});
