/** P1: `edge lost` and the way back, with a wrangler and a Cloudflare that write down what they are told. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";

import { readEdgeKeys, secretFile } from "../../../origin/config/secrets.ts";
import { parseEdgeKey } from "../../../shared/edge-key.ts";
import { readKillCode } from "../../../shared/kill-code.ts";
import { openDesk } from "../../support/fake-wrangler.ts";
import { runBurrow } from "../../support/run-burrow.ts";
import { runCommand } from "../../support/run-command.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

test("edge lost shuts the edge, gives it a key that nobody has, and takes tunnel and bucket keys back", async (t) => {
  const asked: string[] = [];
  const server = createServer((incoming, outgoing) => {
    asked.push(`${incoming.method} ${incoming.url} ${incoming.headers.authorization}`);
    const refused = incoming.url?.startsWith("/accounts/acc/tokens/mine");
    outgoing.writeHead(refused ? 404 : 200, { "content-type": "application/json" });
    outgoing.end(JSON.stringify({ success: !refused, errors: refused ? [{ message: "not found" }] : [] }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { environment, told } = openDesk(t);
  const words = "edge lost --worker door --account acc --tunnel tun --keys one,mine --token-stdin";
  const without = await runBurrow(words.split(" "), { environment, input: "a-token" });
  assert.equal(without.code, 1);
  assert.match(without.stderr, /--yes/);
  assert.deepEqual(told(), []);

  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const done = await runBurrow([...words.split(" "), "--yes", "--json"], {
    environment: { ...environment, CLOUDFLARE_API_BASE_URL: base },
    input: "a-token\n",
  });
  assert.equal(done.code, 0, done.stderr);
  const [panic, key] = told();
  assert.deepEqual(panic, { words: ["secret", "put", "PANIC", "--name", "door"], input: "lost\n" });
  assert.deepEqual(key?.words, ["secret", "put", "EDGE_KEY", "--name", "door"]);
  const line = key?.input.trim() ?? "";
  assert.equal(parseEdgeKey(line)?.keyid, "lost");
  assert.ok(!done.stdout.includes(line) && !done.stdout.includes("a-token"));
  assert.deepEqual(asked.toSorted(), [
    "DELETE /accounts/acc/cfd_tunnel/tun Bearer a-token",
    "DELETE /accounts/acc/cfd_tunnel/tun/connections Bearer a-token",
    "DELETE /accounts/acc/tokens/mine Bearer a-token",
    "DELETE /accounts/acc/tokens/one Bearer a-token",
    "DELETE /user/tokens/mine Bearer a-token",
  ]);
  const { steps, left } = done.json<{ steps: { done: boolean }[]; left: string[] }>();
  assert.ok(steps.every((step) => step.done));
  assert.match(left.join(), /wipe it from afar/);
});

test("what could not be done is told, and the rest is done all the same", async (t) => {
  const { environment, told } = openDesk(t, "PANIC");
  const outcome = await runBurrow(["edge", "lost", "--yes", "--json"], { environment });
  assert.equal(outcome.code, 1);
  assert.deepEqual(
    told().map(({ words }) => words[2]),
    ["PANIC", "EDGE_KEY"],
  );
  const { left } = outcome.json<{ left: string[] }>();
  assert.match(left[0] ?? "", /forward nothing .*not logged in/);
  assert.match(left.join(), /end the tunnel \(give --account/);
});

test("the kill code is shown once, 160 bits of it, with what the lost device alone would know", async (t) => {
  const data = join(temporaryFolder(t), "data");
  await runCommand(["--data", data, "--json", "init", "--server-name", "example.org"]);
  const token = Buffer.from(JSON.stringify({ a: "acc0", t: "7e57-0001", s: "hidden" })).toString("base64");
  writeFileSync(secretFile(data, "tunnel-token"), token, { mode: 0o600 });
  const made = (await runCommand(["--data", data, "--json", "edge", "kill-code"])).json<
    Record<string, string>
  >();
  assert.match(made["code"] ?? "", /^(?:[0-9A-HJKMNP-TV-Z]{4}-){7}[0-9A-HJKMNP-TV-Z]{4}$/);
  const typed = (made["code"] ?? "")
    .toLowerCase()
    .replaceAll("-", " ")
    .replaceAll("1", "l")
    .replaceAll("0", "o");
  assert.equal(
    createHash("sha256")
      .update(readKillCode(typed) ?? "")
      .digest("hex"),
    made["hash"],
  );
  assert.equal(made["url"], "https://example.org/.burrow/lost");
  assert.equal(made["lost"], "bin/burrow edge lost --worker burrow --account acc0 --tunnel 7e57-0001");
  assert.ok(!JSON.stringify(made).includes("hidden"));
  const again = (await runCommand(["--data", data, "--json", "edge", "kill-code"])).json<
    Record<string, string>
  >();
  assert.notEqual(again["code"], made["code"]);
  assert.equal(readKillCode("I am no code"), undefined);
});

test("edge recover gives the device a key that the lost one never had, then opens the edge", async (t) => {
  const data = join(temporaryFolder(t), "data");
  await runCommand(["--data", data, "--json", "init", "--server-name", "example.org"]);
  const before = readEdgeKeys(data);
  const { environment, told } = openDesk(t);
  const outcome = await runBurrow(["--data", data, "--json", "edge", "recover"], { environment });
  assert.equal(outcome.code, 0, outcome.stderr);
  const after = readEdgeKeys(data);
  assert.equal(after.length, 1);
  assert.ok(!before.includes(after[0] ?? ""));
  assert.deepEqual(
    told().map(({ words }) => words.slice(1, 3).join(" ")),
    ["put EDGE_KEY", "put KILL_CODE_HASH", "delete PANIC"],
  );
  assert.equal(told()[0]?.input.trim(), after[0]);
  assert.ok(!outcome.stdout.includes(after[0] ?? "-"));
});
