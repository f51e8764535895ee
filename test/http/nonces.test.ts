import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { openNonces } from "../../origin/http/nonces.ts";
import type { Nonces } from "../../origin/http/nonces.ts";

const START = 1_800_000_000;

interface Memory {
  folder: string;
  clock: { seconds: number };
  open: (bootId?: string, capacity?: number) => Nonces;
}

async function memory(t: TestContext): Promise<Memory> {
  const folder = await mkdtemp(join(tmpdir(), "burrow-nonces-"));
  t.after(() => rm(folder, { recursive: true }));
  const clock = { seconds: START };
  return {
    folder,
    clock,
    open(bootId = "boot-1", capacity = 1000) {
      const nonces = openNonces({ folder, now: () => clock.seconds * 1000, capacity, bootId: () => bootId });
      t.after(() => nonces.close());
      return nonces;
    },
  };
}

function nonce(number: number): string {
  return String(number).padStart(22, "A");
}

test("a nonce is remembered as long as its signature could be used, through any number of restarts", async (t) => {
  const { clock, open } = await memory(t);
  assert.equal(open().remember(nonce(1), START + 60), "fresh");
  for (const seconds of [0, 1, 59, 119, 120]) {
    clock.seconds = START + seconds;
    assert.equal(open().remember(nonce(1), START + 60), "replayed", `${seconds} s later`);
  }
});

test("a restart in the same boot holds nobody up, not even in its first second", async (t) => {
  const { open } = await memory(t);
  assert.equal(open().remember(nonce(1), START), "fresh");
  assert.equal(open().remember(nonce(2), START), "fresh");
});

test("after a reboot, whatever was signed before the start is stale", async (t) => {
  const { clock, open } = await memory(t);
  open("boot-1").remember(nonce(1), START);
  clock.seconds += 5;
  const after = open("boot-2");
  assert.equal(after.remember(nonce(2), START + 5), "stale");
  assert.equal(after.remember(nonce(3), START + 6), "fresh");
});

test("what one start took for lost is stale to the next ones as well", async (t) => {
  const { clock, open } = await memory(t);
  open("boot-1").remember(nonce(1), START);
  clock.seconds += 5;
  open("boot-2");
  clock.seconds += 5;
  const after = open("boot-2");
  // A power cut may have taken the first one from the files.
  assert.equal(after.remember(nonce(2), START + 5), "stale");
  assert.equal(after.remember(nonce(3), START + 6), "fresh");
});

test("where the boot cannot be told, each start counts as a reboot", async (t) => {
  const { folder, clock } = await memory(t);
  for (const [number, verdict] of (["fresh", "stale"] as const).entries()) {
    const nonces = openNonces({ folder, now: () => clock.seconds * 1000, bootId: () => undefined });
    t.after(() => nonces.close());
    assert.equal(nonces.remember(nonce(number), START), verdict);
  }
});

test("a damaged, cut or lost file fails closed and does not stop the start", async (t) => {
  const damages: [label: string, damage: (folder: string, file: string) => Promise<void>][] = [
    ["cut line", async (_, file) => truncate(file, (await stat(file)).size - 3)],
    ["other content", (_, file) => writeFile(file, "\u0000\u0001 not nonces\n")],
    ["lost file", (_, file) => rm(file)],
    ["lost boot record", (folder) => rm(join(folder, "boot"))],
  ];
  for (const [label, damage] of damages) {
    await t.test(label, async (inner) => {
      const { folder, open } = await memory(inner);
      open().remember(nonce(1), START);
      const files = ["nonces-a", "nonces-b"].map((name) => join(folder, name));
      const sizes = await Promise.all(files.map(async (file) => (await readFile(file)).length));
      await damage(folder, files[sizes.indexOf(Math.max(...sizes))] ?? "");
      const after = open();
      assert.notEqual(after.remember(nonce(1), START), "fresh");
      assert.equal(after.remember(nonce(2), START + 1), "fresh");
    });
  }
});

test("memory and files stay bounded, and what is forgotten early is stale, not fresh", async (t) => {
  const { clock, folder, open } = await memory(t);
  const nonces = open("boot-1", 10);
  for (let number = 0; number < 100; number += 1) {
    clock.seconds = START + Math.floor(number / 5);
    assert.equal(nonces.remember(nonce(number), clock.seconds), "fresh", `${number}`);
  }
  for (let number = 0; number < 100; number += 1)
    assert.notEqual(nonces.remember(nonce(number), START + Math.floor(number / 5)), "fresh", `${number}`);
  for (const name of ["nonces-a", "nonces-b"])
    assert.ok((await stat(join(folder, name))).size < 10 * 40 + 40);
});

test("an idle day, a clock set forward and a clock set back neither lose nor block", async (t) => {
  const { clock, open } = await memory(t);
  const nonces = open();
  nonces.remember(nonce(1), START);
  clock.seconds += 86_400;
  assert.equal(nonces.remember(nonce(2), clock.seconds), "fresh");
  clock.seconds -= 7200;
  assert.equal(nonces.remember(nonce(3), clock.seconds), "fresh");
  assert.equal(nonces.remember(nonce(3), clock.seconds), "replayed");
  clock.seconds += 119;
  assert.equal(nonces.remember(nonce(3), clock.seconds), "replayed");
});

test("when a clock that ran ahead is put right, nobody is held up and nothing comes back later", async (t) => {
  const { clock, open } = await memory(t);
  const nonces = open();
  const use = (number: number): void =>
    assert.equal(nonces.remember(nonce(number), clock.seconds), "fresh", `${number}`);
  clock.seconds += 3600;
  for (let number = 0; number < 60; number += 1, clock.seconds += 10) use(number);
  const lastAhead = clock.seconds - 10;
  clock.seconds -= 3600;
  for (let number = 100; number < 400; number += 1, clock.seconds += 10) use(number);
  clock.seconds = lastAhead + 1;
  assert.equal(nonces.remember(nonce(59), lastAhead), "replayed");
  assert.equal(open().remember(nonce(59), lastAhead), "replayed");
});

test("a reboot into a wrong clock holds nobody up once it is put right", async (t) => {
  const { clock, open } = await memory(t);
  open("boot-1").remember(nonce(1), START);
  clock.seconds += 3600;
  const after = open("boot-2");
  clock.seconds = START + 10;
  assert.equal(after.remember(nonce(2), START + 10), "stale");
  clock.seconds += 1;
  assert.equal(after.remember(nonce(3), START + 11), "fresh");
  assert.equal(after.remember(nonce(4), START), "stale");
});

test("a process killed outright has lost none of what it took", async (t) => {
  const { folder, open } = await memory(t);
  const script = `
    const { openNonces } = await import(${JSON.stringify(new URL("../../origin/http/nonces.ts", import.meta.url).href)});
    const nonces = openNonces({ folder: ${JSON.stringify(folder)}, now: () => ${START * 1000}, bootId: () => "boot-1" });
    for (let n = 0; n < 500; n++) nonces.remember(String(n).padStart(22, "A"), ${START});
    process.send("written");
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  await once(child, "message");
  child.kill("SIGKILL");
  await once(child, "exit");
  const nonces = open();
  for (let number = 0; number < 500; number += 1)
    assert.equal(nonces.remember(nonce(number), START), "replayed");
});
