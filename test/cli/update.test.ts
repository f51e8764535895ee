import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { type Failure, runCommandLine } from "../../origin/cli/command-line.ts";
import { initialise } from "../../origin/cli/init.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

function set(t: TestContext): { data: string; fail: (...words: string[]) => Promise<[number, string]> } {
  const data = join(temporaryFolder(t), "data");
  initialise({ dataDir: data, serverName: "example.org", mode: "production" });
  return {
    data,
    async fail(...words) {
      const failures: Failure[] = [];
      const code = await runCommandLine(["--data", data, ...words], (failure) => failures.push(failure));
      return [code, failures[0]?.message ?? ""];
    },
  };
}

test("update is told what to do in one way, and never takes a release on trust", async (t) => {
  const { data, fail } = set(t);
  assert.equal((await fail("update"))[0], 2);
  assert.equal((await fail("update", "--from", "x.tgz", "--rollback"))[0], 2);
  assert.equal((await fail("update", "--from", "x.tgz", "--sha256", "short"))[0], 2);
  const [code, message] = await fail("update", "--from", "https://downloads.example.org/burrow-9.0.0.tgz");
  assert.deepEqual([code, /--sha256 HASH/.test(message)], [2, true]);
  const file = join(data, "burrow-9.0.0.tgz");
  writeFileSync(file, "");
  assert.match((await fail("update", "--from", file))[1], /burrow-9\.0\.0\.tgz\.sha256/);
  assert.match((await fail("update", "--rollback"))[1], /no update to take back/);
});

test("download fetches only what is pinned, and says so plainly", async (t) => {
  const { data, fail } = set(t);
  assert.equal((await fail("download"))[0], 2);
  assert.equal((await fail("download", "frobnicator"))[0], 2);
  const [code, message] = await fail("download", "cloudflared");
  assert.equal(code, 1);
  assert.match(message, /pins no cloudflared for .*\[downloads\.cloudflared\] in burrow\.toml/);
  assert.ok(!existsSync(join(data, "downloads")));
});

test("an owner's pin is whole, https, and a real hash", async (t) => {
  const { data, fail } = set(t);
  const path = join(data, "burrow.toml");
  const text = readFileSync(path, "utf8");
  const pin = async (lines: string) => {
    writeFileSync(path, text);
    appendFileSync(path, `\n[downloads.cloudflared]\n${lines}\n`);
    return await fail("download", "cloudflared");
  };
  const [version, url] = ['version = "1.0"', 'url = "https://downloads.example.org/cloudflared"'];
  assert.match(
    (await pin(version))[1],
    /downloads\.cloudflared\.url and downloads\.cloudflared\.sha256 must be set/,
  );
  assert.match(
    (await pin(`${version}\nurl = "http://downloads.example.org/c"\nsha256 = ""`))[1],
    /https URL/,
  );
  assert.match((await pin(`${version}\n${url}\nsha256 = "abc"`))[1], /64 hexadecimal/);
  assert.match((await pin(`version = "../x"\n${url}\nsha256 = "${"0".repeat(64)}"`))[1], /must be a version/);
});
