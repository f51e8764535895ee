import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";

import {
  beginEdgeKey,
  finishEdgeKey,
  idOf,
  renewSecret,
  replaceSecret,
  RotateError,
} from "../../origin/config/rotate-secret.ts";
import {
  createSecrets,
  openSecrets,
  readEdgeKeys,
  readOptionalSecret,
  readSecret,
  secretFile,
  writeSecret,
} from "../../origin/config/secrets.ts";
import { createSignedClient } from "../support/signed-client.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestOrigin } from "../support/test-origin.ts";

const noAlerts = { ntfyUrl: "", webhookUrl: "" };

const exchangeFolder = temporaryFolder({ after });
test("through an exchange of the edge key no request is refused, and after it the old key opens nothing", async () => {
  const dataDir = exchangeFolder;
  const answers = async (...keys: string[]): Promise<number[]> => {
    const origin = await startTestOrigin({ dataDir });
    const statuses: number[] = [];
    for (const edgeKey of keys) {
      const client = createSignedClient({ origin: origin.facts.url, edgeKey, host: "burrow.localhost" });
      statuses.push((await client.request({ method: "GET", path: "/" })).status);
      client.close();
    }
    await origin.close();
    return statuses;
  };
  const first = await startTestOrigin({ dataDir });
  await first.close();
  const [old = ""] = readEdgeKeys(dataDir);
  const id = beginEdgeKey(dataDir);
  const [next = "", second] = readEdgeKeys(dataDir);
  assert.deepEqual([idOf(next), second], [id, old]);
  assert.deepEqual(await answers(old, next), [200, 200]);
  assert.equal(finishEdgeKey(dataDir, id, false), idOf(old));
  assert.deepEqual(await answers(old, next), [401, 200]);
});

test("an exchange is not begun twice, and not ended while the edge still uses the old key", (t) => {
  const dataDir = temporaryFolder(t);
  createSecrets(dataDir);
  assert.throws(() => finishEdgeKey(dataDir, undefined, true), /No exchange/);
  const [old = ""] = readEdgeKeys(dataDir);
  const id = beginEdgeKey(dataDir);
  assert.throws(() => beginEdgeKey(dataDir), RotateError);
  for (const inUse of [undefined, idOf(old)]) {
    assert.throws(() => finishEdgeKey(dataDir, inUse, false), /was not seen to use the new key/);
  }
  assert.equal(readEdgeKeys(dataDir).length, 2);
  // The file's time is the key's age, and ending an exchange makes no key younger.
  const began = new Date(1_700_000_000_000);
  utimesSync(secretFile(dataDir, "edge-key"), began, began);
  finishEdgeKey(dataDir, id, false);
  assert.equal(statSync(secretFile(dataDir, "edge-key")).mtimeMs, began.getTime());
});

test("what is handed in must look like what it is to be, and no message repeats it", (t) => {
  const dataDir = temporaryFolder(t);
  createSecrets(dataDir);
  for (const [name, value] of [
    ["tunnel-token", "not a token at all"],
    ["tunnel-token", `eyJ${"a".repeat(60)}\nsecond line`],
    ["alert-token", "with a space"],
    ["s3-secret", "short"],
    ["edge-key", "k1.x"],
  ] as const) {
    assert.throws(
      () => replaceSecret(dataDir, name, value),
      (error) => error instanceof RotateError && !error.message.includes(value),
    );
  }
  const token = `eyJ${"aB3_".repeat(20)}`;
  replaceSecret(dataDir, "tunnel-token", token);
  assert.equal(readSecret(dataDir, "tunnel-token"), token);
  renewSecret(dataDir, "alert-webhook-key");
  const first = readSecret(dataDir, "alert-webhook-key");
  renewSecret(dataDir, "alert-webhook-key");
  assert.notEqual(readSecret(dataDir, "alert-webhook-key"), first);
  for (const file of readdirSync(join(dataDir, "secrets"))) {
    assert.equal(statSync(join(dataDir, "secrets", file)).mode & 0o777, 0o600, file);
  }
});

test("a write that was cut short leaves the old secret, and the next one is not disturbed by it", (t) => {
  const dataDir = temporaryFolder(t);
  createSecrets(dataDir);
  writeSecret(dataDir, "s3-secret", "the first one");
  writeFileSync(`${secretFile(dataDir, "s3-secret")}.new`, "half", { mode: 0o644 });
  assert.equal(readSecret(dataDir, "s3-secret"), "the first one");
  writeSecret(dataDir, "s3-secret", "the second one");
  assert.equal(readSecret(dataDir, "s3-secret"), "the second one");
  assert.deepEqual(readdirSync(join(dataDir, "secrets")).toSorted(), ["edge-key", "s3-secret"]);
});

test("every named secret is checked like the first, and hidden from the log at once", async (t) => {
  const { execFileSync } = await import("node:child_process");
  const dataDir = temporaryFolder(t);
  createSecrets(dataDir);
  assert.equal(readOptionalSecret(dataDir, "alert-token"), undefined);
  assert.throws(() => readSecret(dataDir, "alert-token"), /burrow rotate alert-token/);
  writeSecret(dataDir, "alert-token", "tk_a_token_of_ntfy");
  const hidden: string[] = [];
  const config = {
    dataDir,
    oidcClients: [],
    alerts: { ...noAlerts, webhookUrl: "https://example.org/hooks/9f8e7d6c" },
  };
  const secrets = openSecrets(config, { hide: (secret) => hidden.push(secret) });
  const key = readFileSync(secretFile(dataDir, "edge-key"), "utf8").trim();
  const url = "https://example.org/hooks/9f8e7d6c";
  for (const part of [url, "hooks/9f8e7d6c", "tk_a_token_of_ntfy", key, key.slice(key.indexOf(".") + 1)])
    assert.ok(hidden.includes(part));
  assert.equal(secrets.read("alert-token"), "tk_a_token_of_ntfy");

  chmodSync(secretFile(dataDir, "alert-token"), 0o640);
  assert.throws(() => openSecrets(config, { hide() {} }), /chmod 600/);
  // Opening a pipe for reading would wait for a writer.
  execFileSync("mkfifo", ["-m", "600", secretFile(dataDir, "s3-secret")]);
  assert.throws(() => readOptionalSecret(dataDir, "s3-secret"), /no plain file/);
});
