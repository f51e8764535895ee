import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";

import { createLineReader, openServiceLog } from "../../../origin/host/supervisor/service-log.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** Says this through a stream of its own, to the end. */
async function say(dataDir: string, text: string): Promise<void> {
  const output = openServiceLog({ dataDir, name: "notes", redact: (line) => line, now: () => 0 });
  output.attach(Readable.from([text]));
  await output.close();
}

test("logs are rotated, and three old ones kept", async (t) => {
  const dataDir = temporaryFolder(t);
  const filler = `${"x".repeat(5_000)}\n`.repeat(300);
  for (let round = 0; round < 6; round += 1) await say(dataDir, `round ${round}\n${filler}`);
  const folder = join(dataDir, "logs");
  const names = readdirSync(folder).toSorted();
  assert.deepEqual(names, ["notes.log", "notes.log.1", "notes.log.2", "notes.log.3"]);
  const rounds = names.map((name) => /round (\d+)/.exec(readFileSync(join(folder, name), "utf8"))?.[1]);
  assert.deepEqual(rounds, ["5", "4", "3", "2"]);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
});

test("a log that is a link is not written: it could be any file of ours", async (t) => {
  const dataDir = temporaryFolder(t);
  mkdirSync(join(dataDir, "logs"));
  writeFileSync(join(dataDir, "profile"), "");
  symlinkSync(join(dataDir, "profile"), join(dataDir, "logs", "notes.log"));
  await say(dataDir, "echo planted\n");
  assert.equal(readFileSync(join(dataDir, "profile"), "utf8"), "");
});

test("a log that cannot be written costs its lines, and no service", async (t) => {
  const dataDir = temporaryFolder(t);
  writeFileSync(join(dataDir, "logs"), "in the way");
  await say(dataDir, "one\ntwo\n");
  assert.equal(readFileSync(join(dataDir, "logs"), "utf8"), "in the way");
});

test("lines are whole however they arrive, long ones cut, a cut secret not shown", () => {
  const hidden = "wax-and-feathers-2201";
  const reader = createLineReader((line) => line.replaceAll(hidden, "[redacted]"));
  assert.deepEqual(reader.read("half a "), []);
  assert.deepEqual(reader.read("line\r\nnext\nrest"), ["half a line", "next"]);
  assert.deepEqual(reader.end(), ["rest"]);
  const [long = ""] = reader.read(`${"y".repeat(8_180)}${hidden}${"z".repeat(100_000)}\n`);
  assert.ok(long.length < 8_200 && !long.includes("wax"), long.slice(8_170));
  assert.deepEqual(reader.read("after\n"), ["after"]);
  assert.deepEqual(reader.read("\u001b[2Jcleared\u0007\n"), ["·[2Jcleared·"]);
});

test("a private key that comes as many lines leaves none of them", () => {
  const reader = createLineReader((line) => line.replace(/-----BEGIN.*/, "[redacted]"));
  const label = "PRIVATE KEY";
  const text = `before\n-----BEGIN ${label}-----\nMC4CAQAwBQYDK2Vw\nBCIEIAAA\n-----END ${label}-----\nafter\n`;
  assert.deepEqual(reader.read(text), ["before", "[redacted]", "after"]);
});
