import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { chooseServicesFile, readServicesFile } from "../../../origin/host/supervisor/services-file.ts";
import { ServicesFileError } from "../../../origin/host/supervisor/trusted-file.ts";
import { prepareFolders, writeServices } from "./fixture.ts";

const sound = '[[service]]\nname = "notes"\ncommand = ["/bin/sleep", "60"]\n';

function problemsOf(path: string, dataDir: string): string {
  try {
    readServicesFile(path, dataDir);
  } catch (error) {
    assert.ok(error instanceof ServicesFileError, String(error));
    return error.message;
  }
  return "";
}

function refuses(t: TestContext, text: string, expected: RegExp): void {
  const { folder, dataDir } = prepareFolders(t);
  assert.match(problemsOf(writeServices(folder, text.replaceAll("DATA", dataDir)), dataDir), expected, text);
}

test("no file is no service; a sound one is read whole", (t) => {
  const { folder, dataDir } = prepareFolders(t);
  assert.deepEqual(readServicesFile(join(folder, "config", "none.toml"), dataDir).services, []);
  const path = writeServices(
    folder,
    `${sound}cwd = "/srv"\nlisten = "unix:/run/notes.sock"\nhealth = "/health"\nstart_after = ["cloudflared"]\nenv = { LANG = "C.UTF-8" }\n`,
  );
  assert.deepEqual(readServicesFile(path, dataDir).services, [
    {
      name: "notes",
      command: ["/bin/sleep", "60"],
      environment: { LANG: "C.UTF-8" },
      cwd: "/srv",
      listen: { kind: "unix", path: "/run/notes.sock" },
      health: { address: { kind: "unix", path: "/run/notes.sock" }, path: "/health" },
      startAfter: ["cloudflared"],
      dialsOutByUdp: false,
    },
  ]);
});

test("the file is found beside the user's other settings, never in the data folder", () => {
  assert.equal(
    chooseServicesFile(undefined, { XDG_CONFIG_HOME: "/home/ada/.cfg" }),
    "/home/ada/.cfg/burrow/services.toml",
  );
  assert.equal(chooseServicesFile(undefined, { BURROW_SERVICES: "/etc/burrow.toml" }), "/etc/burrow.toml");
  assert.equal(chooseServicesFile("/given", { BURROW_SERVICES: "/etc/burrow.toml" }), "/given");
});

test("a file that others may write to, or replace, decides nothing", (t) => {
  const { folder, dataDir } = prepareFolders(t);
  const path = writeServices(folder, sound);
  assert.equal(problemsOf(path, dataDir), "");
  for (const mode of [0o620, 0o602, 0o666]) {
    chmodSync(path, mode);
    assert.match(problemsOf(path, dataDir), /Other users may write to .*services\.toml/);
  }
  chmodSync(path, 0o644);
  assert.equal(problemsOf(path, dataDir), "");
  chmodSync(join(folder, "config"), 0o777);
  assert.match(problemsOf(path, dataDir), /Other users may write to .*config/);
});

test("a link counts where it leads and where it lies", (t) => {
  const { folder, dataDir } = prepareFolders(t);
  const path = writeServices(folder, sound);
  mkdirSync(join(folder, "open"), { mode: 0o777 });
  chmodSync(join(folder, "open"), 0o777);
  symlinkSync(path, join(folder, "open", "services.toml"));
  assert.match(problemsOf(join(folder, "open", "services.toml"), dataDir), /Other users may write to .*open/);
  writeFileSync(join(dataDir, "planted.toml"), sound, { mode: 0o600 });
  symlinkSync(join(dataDir, "planted.toml"), join(folder, "config", "link.toml"));
  assert.match(problemsOf(join(folder, "config", "link.toml"), dataDir), /lies in the data folder/);
});

test("a write into the data folder never becomes a command", (t) => {
  const { folder, dataDir } = prepareFolders(t);
  writeFileSync(join(dataDir, "services.toml"), sound, { mode: 0o600 });
  assert.match(problemsOf(join(dataDir, "services.toml"), dataDir), /lies in the data folder/);
  writeFileSync(join(dataDir, "run"), "#!/bin/sh\n", { mode: 0o700 });
  symlinkSync(join(dataDir, "run"), join(folder, "config", "run"));
  const commands = [
    `["${dataDir}/run"]`,
    `["${folder}/config/run"]`,
    `["/bin/sh", "${dataDir}/run"]`,
    `["/bin/sh", "--file=${dataDir}/run"]`,
    `["/bin/sh", "${folder}/config/../data/run"]`,
  ];
  for (const command of commands) {
    const path = writeServices(folder, `[[service]]\nname = "notes"\ncommand = ${command}\n`);
    assert.match(problemsOf(path, dataDir), /lies in the data folder/, command);
  }
  assert.match(
    problemsOf(writeServices(folder, `${sound}cwd = "${dataDir}"\n`), dataDir),
    /lies in the data folder/,
  );
  writeFileSync(join(dataDir, "notes.env"), "LD_PRELOAD=/evil.so\n", { mode: 0o600 });
  const env = `${sound}env_file = "${dataDir}/notes.env"\nenv_names = ["LD_PRELOAD"]\n`;
  assert.match(problemsOf(writeServices(folder, env), dataDir), /lies in the data folder/);
});

test("every mistake is named, with what was meant", (t) => {
  refuses(t, "[[service]\n", /line 1/);
  refuses(t, "[[services]]\n", /unknown key services; is service meant\?/);
  refuses(t, `${sound}comand = []\n`, /"notes": it has the unknown key comand; is command meant\?/);
  refuses(t, '[[service]]\nname = "Notes!"\ncommand = ["/bin/sleep"]\n', /"name" must be/);
  refuses(t, '[[service]]\nname = "origin"\ncommand = ["/bin/sleep"]\n', /"name" must be/);
  refuses(t, '[[service]]\nname = "notes"\n', /"command" is missing/);
  refuses(t, '[[service]]\nname = "notes"\ncommand = "sleep 60"\n', /"command" must be a list/);
  refuses(t, '[[service]]\nname = "notes"\ncommand = ["sleep"]\n', /absolute path/);
  refuses(t, '[[service]]\nname = "notes"\ncommand = ["/bin/no-such-program"]\n', /is no program/);
  refuses(t, `${sound}listen = "0.0.0.0:80"\n`, /must be a loopback address/);
  refuses(t, `${sound}listen = "192.0.2.1:8080"\n`, /must be a loopback address/);
  refuses(t, `${sound}listen = "localhost:8080"\n`, /loopback address/);
  refuses(t, `${sound}health = "/health"\n`, /"listen" must say where/);
  refuses(t, `${sound}health = "http://example.org/"\n`, /loopback/);
  refuses(t, `${sound}health = "https://127.0.0.1/"\n`, /loopback/);
  refuses(t, `${sound}env = { "A B" = "c" }\n`, /cannot be a variable's name/);
  refuses(t, `${sound}env = { BURROW_SERVICE = "c" }\n`, /cannot be a variable's name/);
  refuses(t, `${sound}env = { A = 1 }\n`, /env\.A must be a text/);
  refuses(t, `${sound}env_names = ["A"]\n`, /belong together/);
  refuses(t, `${sound}${sound}`, /two services notes/);
  refuses(t, '[[service]]\nname = "cloudflared"\ncommand = ["/bin/sleep"]\n', /one is built in/);
  refuses(t, `${sound}start_after = ["store"]\n`, /starts after store, which there is not/);
  refuses(t, `${sound}start_after = ["notes"]\n`, /a circle/);
  refuses(t, '[cloudflared]\nbinary = "DATA/cloudflared"\n', /lies in the data folder/);
  refuses(
    t,
    Array.from({ length: 17 }, (_, index) => sound.replace("notes", `n${index}`)).join(""),
    /more than 16/,
  );
});

test("the secrets of a service come from a 0600 file, by name, and no value is shown", (t) => {
  const { folder, dataDir } = prepareFolders(t);
  const file = join(folder, "config", "notes.env");
  const text = `${sound}env_file = "notes.env"\nenv_names = ["A", "B"]\n`;
  writeFileSync(file, "# comment\nA = 'wax wings'\r\nB=a=b\nC=unwanted\n", { mode: 0o600 });
  const read = readServicesFile(writeServices(folder, text), dataDir);
  assert.deepEqual(read.services[0]?.environment, { A: "wax wings", B: "a=b" });
  assert.deepEqual(read.secrets, ["wax wings", "a=b"]);
  writeFileSync(file, "A=wax wings\nsecret-without-a-name\n");
  const problems = problemsOf(writeServices(folder, text), dataDir);
  assert.match(problems, /line 2 is not NAME=value/);
  assert.match(problems, /does not have B/);
  assert.ok(!problems.includes("secret-without") && !problems.includes("wax"));
  chmodSync(file, 0o640);
  assert.match(problemsOf(writeServices(folder, text), dataDir), /can be read by other users/);
});
