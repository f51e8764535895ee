/**
 * Backs up N gigabytes of blobs (`backup.ts [N]`, 1 unless told): peak memory of the process, its rate beside the
 * plainest way to encrypt the same files in the same run (`tar | age` where age is installed, else the age library
 * alone), and what a second backup costs. Run `npm run build` before: the built form is what a device runs.
 */
import { spawn } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { once } from "node:events";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";

import { makeDataFolder } from "../../origin/config/data-folder.ts";
import { createSecrets } from "../../origin/config/secrets.ts";
import { ageLibrary, findAgeProgram, newIdentity } from "../../origin/host/backup/age.ts";
import { openBlobStore } from "../../origin/storage/blobs.ts";

const gigabytes = Number(process.argv[2] ?? 1);
const root = fileURLToPath(new URL("../..", import.meta.url));
const built = join(root, "dist/origin/cli/main.js");
const entry = existsSync(built) ? built : join(root, "origin/cli/main.ts");
const program = findAgeProgram();

const folder = await mkdtemp(join(tmpdir(), "burrow-backup-bench-"));
try {
  await bench();
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  const dataDir = join(folder, "data");
  makeDataFolder(dataDir);
  createSecrets(dataDir);
  await writeFile(join(dataDir, "burrow.toml"), 'server_name = "example.org"\n', { mode: 0o600 });
  await fill(join(dataDir, "blobs"), gigabytes * 1e9);

  const floor = await timed(() => (program ? tarAndAge(dataDir) : libraryAlone(dataDir)));
  const floorName = program ? "tar | age" : "age library alone";
  console.log(`${floorName}: ${rate(gigabytes * 1e9, floor)}`);

  const first = await backUp(dataDir);
  console.log(
    `backup create: ${rate(gigabytes * 1e9, first.seconds)}, ${(floor / first.seconds).toFixed(2)} × ${floorName}`,
  );
  console.log(
    `peak memory: ${(first.peakBytes / 1e6).toFixed(0)} MB (${entry === built ? "built" : "sources"}, age ${program?.name ?? "library"})`,
  );
  await openBlobStore(join(dataDir, "blobs")).put(Buffer.from("one more"), { limit: 100 });
  const second = await backUp(dataDir);
  console.log(
    `second backup, one blob more: ${second.seconds.toFixed(2)} s, ${second.newBlobs} blob stored, ${second.bytes} bytes of archive`,
  );
  const archive = join(
    dataDir,
    "backups",
    (await readdir(join(dataDir, "backups")))
      .filter((name) => name.endsWith(".burrow-backup"))
      .toSorted()
      .at(-1) ?? "",
  );
  const restored = await run([
    "--data",
    join(folder, "new"),
    "--json",
    "backup",
    "restore",
    archive,
    "--identity",
    join(dataDir, "backup-identity.txt"),
    "--yes",
  ]);
  console.log(
    `restore: ${rate(gigabytes * 1e9, restored.seconds)}, peak memory ${(restored.peakBytes / 1e6).toFixed(0)} MB`,
  );
}

/** Blobs of 4 MB and some small ones, as a chat has. */
async function fill(path: string, total: number): Promise<void> {
  const store = openBlobStore(path);
  const block = Buffer.alloc(4_000_000);
  for (let done = 0; done < total; done += block.length) {
    randomFillSync(block);
    await store.put(block, { limit: block.length });
    await store.put(block.subarray(0, 20_000), { limit: block.length });
  }
}

async function tarAndAge(dataDir: string): Promise<void> {
  const { recipient } = await newIdentity();
  const shell = spawn(
    "sh",
    [
      "-c",
      'tar -C "$1" -cf - blobs | age -r "$2" > "$3" && sync "$3"',
      "sh",
      dataDir,
      recipient,
      join(folder, "floor"),
    ],
    {
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  const [code] = (await once(shell, "exit")) as [number];
  if (code !== 0) throw new Error(`tar | age ended with ${code}`);
  await rm(join(folder, "floor"));
}

async function libraryAlone(dataDir: string): Promise<void> {
  const { recipient } = await newIdentity();
  async function* everything(): AsyncGenerator<Uint8Array> {
    for (const entryName of await readdir(join(dataDir, "blobs"), { recursive: true })) {
      if (!/[0-9a-f]{64}$/.test(entryName)) continue;
      yield* createReadStream(join(dataDir, "blobs", entryName), {
        highWaterMark: 1 << 20,
      }) as AsyncIterable<Uint8Array>;
    }
  }
  await pipeline(
    Readable.from(ageLibrary.encrypt(everything(), [recipient])),
    createWriteStream(join(folder, "floor")),
  );
  await rm(join(folder, "floor"));
}

async function backUp(dataDir: string): Promise<Run & { newBlobs: number; bytes: number }> {
  const done = await run(["--data", dataDir, "--json", "backup", "create"]);
  return { ...done, ...(JSON.parse(done.stdout) as { newBlobs: number; bytes: number }) };
}

interface Run {
  readonly seconds: number;
  /** The most that the process ever had in memory. */
  readonly peakBytes: number;
  readonly stdout: string;
}

async function run(args: readonly string[]): Promise<Run> {
  const report =
    "data:text/javascript,process.on('exit',()=>process.stderr.write('peak '+process.resourceUsage().maxRSS))";
  const start = performance.now();
  const child = spawn(process.execPath, ["--max-semi-space-size=4", "--import", report, entry, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code] = (await once(child, "close")) as [number];
  if (code !== 0) throw new Error(stderr);
  const peak = Number(/peak (\d+)/.exec(stderr)?.[1]);
  return { seconds: (performance.now() - start) / 1000, peakBytes: peak * 1024, stdout };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function rate(bytes: number, seconds: number): string {
  return `${(bytes / 1e6 / seconds).toFixed(0)} MB/s`;
}
