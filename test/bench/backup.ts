/**
 * Backs up N gigabytes of blobs (`backup.ts [N] [M]`, 1 unless told) and M megabytes of database (0), with the `age` program where one is installed and
 * without it: rate and peak memory of create, a second create with one blob more, verify, drill and restore. Each rate
 * stands beside the plainest way to do the same with the same files in the same run: `tar | age` (where it is
 * installed), and for the library the library alone. Run `npm run build` before: the built form is
 * what a device runs. The disk needs four times N.
 */
import { spawn } from "node:child_process";
import { randomBytes, randomFillSync } from "node:crypto";
import { once } from "node:events";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
} from "node:fs";
import { mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { DatabaseSync } from "node:sqlite";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";

import { makeDataFolder } from "../../origin/config/data-folder.ts";
import { createSecrets } from "../../origin/config/secrets.ts";
import { ageLibrary, findAgeProgram, newIdentity } from "../../origin/host/backup/age.ts";
import { openBlobStore } from "../../origin/storage/blobs.ts";

const gigabytes = Number(process.argv[2] ?? 1);
const megabytes = gigabytes * 1000;
const databaseMegabytes = Number(process.argv[3] ?? 0);
const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "burrow-backup-bench-"));
const blobs = join(folder, "blobs");
const pair = await newIdentity();
const identityFile = join(folder, "identity");

/** What the plain way takes, in seconds. */
interface Floor {
  readonly name: string;
  readonly encrypt: number;
  readonly decrypt: number;
}

try {
  await bench();
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  if (!existsSync(join(root, "dist/stamp")))
    console.log("dist/ is not built: these are the sources' figures.");
  await writeFile(identityFile, `${pair.identity}\n`, { mode: 0o600 });
  const files = await fill(blobs, gigabytes * 1e9);
  console.log(`${gigabytes} GB of blobs in ${files} files, ${databaseMegabytes} MB of database`);
  console.log('peak memory is VmHWM; after the "+" that of the largest age process');
  const floors: Floor[] = [];
  if (findAgeProgram()) {
    floors.push(await measureFloor("tar | age", tarAndAge));
    await measure("with the age program", process.env["PATH"] ?? "", floors);
  } else console.log("age is not installed: nothing to compare with but the library");
  floors.push(await measureFloor("the library alone", libraryAlone));
  await measure("without the age program", pathWithoutAge(), floors);
}

/** One way: every command in a data folder of its own that has the blobs for the time. */
async function measure(title: string, path: string, floors: readonly Floor[]): Promise<void> {
  const dataDir = join(folder, "data");
  makeDataFolder(dataDir);
  createSecrets(dataDir);
  await writeFile(join(dataDir, "burrow.toml"), 'server_name = "example.org"\n', { mode: 0o600 });
  await rename(blobs, join(dataDir, "blobs"));
  const burrow = (...args: string[]): Promise<Run> =>
    run(join(root, "bin/burrow"), path, ["--json", ...args]);
  const here = ["--data", dataDir, "backup"];

  if (databaseMegabytes > 0) {
    await burrow(...here, "list");
    growDatabase(join(dataDir, "databases/host.db"), databaseMegabytes);
  }

  console.log(`\n${title}`);
  await settleDisk();
  const first = await burrow(...here, "create");
  print("create", first, floors, "encrypt");
  await openBlobStore(join(dataDir, "blobs")).put(Buffer.from(`one more: ${title}`), { limit: 100 });
  const second = await burrow(...here, "create");
  const { newBlobs, bytes } = JSON.parse(second.stdout) as { newBlobs: number; bytes: number };
  print(`create, one blob more (${newBlobs} stored, archive of ${bytes} bytes)`, second);
  const archive = newestArchive(dataDir);
  print("verify", await burrow(...here, "verify", archive), floors, "encrypt");
  print("drill", await burrow(...here, "drill"), floors, "encrypt");
  const identity = join(dataDir, "backup-identity.txt");
  const restored = ["--data", join(folder, "restored"), "backup", "restore"];
  const restore = await burrow(...restored, newestArchive(dataDir), "--identity", identity, "--yes");
  print("restore", restore, floors, "decrypt");

  await rm(join(folder, "restored"), { recursive: true });
  await rename(join(dataDir, "blobs"), blobs);
  await rm(dataDir, { recursive: true });
}

/** What was written before must not be paid for by what is measured now. */
function settleDisk(): Promise<void> {
  return succeed("sync", ["-f", folder]);
}

/** Blobs of 4 MB and some small ones, as a chat has. */
async function fill(path: string, total: number): Promise<number> {
  const store = openBlobStore(path);
  const block = Buffer.alloc(4_000_000);
  let files = 0;
  for (let done = 0; done < total; done += block.length) {
    randomFillSync(block);
    await store.put(block, { limit: block.length });
    await store.put(block.subarray(0, 20_000), { limit: block.length });
    files += 2;
  }
  return files;
}

/** A table that nobody asks for, half of it compressible. */
function growDatabase(file: string, size: number): void {
  const database = new DatabaseSync(file);
  database.exec("CREATE TABLE bench_filler (bytes BLOB); BEGIN");
  const insert = database.prepare("INSERT INTO bench_filler VALUES (?)");
  for (let row = 0; row < size * 1000; row += 1)
    insert.run(Buffer.concat([randomBytes(500), Buffer.alloc(500, "text")]));
  database.exec("COMMIT");
  database.close();
}

type Plain = (task: "encrypt" | "decrypt", from: string, to: string) => Promise<void>;

async function measureFloor(name: string, plain: Plain): Promise<Floor> {
  const file = join(folder, "floor");
  const out = join(folder, "floor-out");
  mkdirSync(out);
  await settleDisk();
  const encrypt = await timed(() => plain("encrypt", blobs, file));
  await settleDisk();
  const decrypt = await timed(() => plain("decrypt", file, out));
  await rm(file);
  await rm(out, { recursive: true });
  const rates = [encrypt, decrypt].map((seconds) => `${(megabytes / seconds).toFixed(0)} MB/s`);
  console.log(`${name}: ${rates.join(", and back ")}`);
  return { name, encrypt, decrypt };
}

async function tarAndAge(task: "encrypt" | "decrypt", from: string, to: string): Promise<void> {
  const script =
    task === "encrypt"
      ? 'tar -C "$1" -cf - . | age -r "$3" > "$2" && sync "$2"'
      : 'age -d -i "$4" "$1" | tar -C "$2" -xf - && sync -f "$2"';
  await succeed("sh", ["-c", script, "sh", from, to, pair.recipient, identityFile]);
}

async function libraryAlone(task: "encrypt" | "decrypt", from: string, to: string): Promise<void> {
  const plain =
    task === "encrypt"
      ? ageLibrary.encrypt(contentsOf(from), [pair.recipient])
      : ageLibrary.decrypt(createReadStream(from, { highWaterMark: 1 << 20 }), {
          text: pair.identity,
          file: undefined,
        });
  const out = task === "encrypt" ? to : join(to, "plain");
  await pipeline(Readable.from(plain), createWriteStream(out, { flush: true }));
}

async function* contentsOf(path: string): AsyncGenerator<Uint8Array> {
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    yield* createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>;
  }
}

async function succeed(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  const [code] = (await once(child, "exit")) as [number];
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
}

interface Run {
  readonly seconds: number;
  /** The most that the process ever had in memory, and the largest of the programs that it started; 0: none. */
  readonly peakBytes: number;
  readonly childBytes: number;
  readonly stdout: string;
}

async function run(program: string, path: string, args: readonly string[]): Promise<Run> {
  const start = performance.now();
  const child = spawn(program, args, {
    env: { ...process.env, PATH: path },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const peaks = { own: 0, children: 0 };
  // The kernel keeps the peak, so that only what happens in the last of these is missed.
  const watch = setInterval(() => {
    peaks.own = Math.max(peaks.own, peakOf(child.pid));
    for (const pid of agesOf(child.pid)) peaks.children = Math.max(peaks.children, peakOf(pid));
  }, 10);
  const [code] = (await once(child, "close")) as [number];
  clearInterval(watch);
  if (code !== 0) throw new Error(`${args.join(" ")}: ${stdout}${stderr}`);
  const seconds = (performance.now() - start) / 1000;
  return { seconds, peakBytes: peaks.own, childBytes: peaks.children, stdout };
}

function peakOf(pid: number | undefined): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readOr(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

/** What bin/burrow itself starts on its way is none. */
function agesOf(pid: number | undefined): number[] {
  const tasks = `/proc/${pid}/task`;
  return namesIn(tasks)
    .flatMap((task) =>
      readOr(join(tasks, task, "children"))
        .split(" ")
        .filter(Boolean)
        .map(Number),
    )
    .filter((child) => readOr(`/proc/${child}/comm`).trim() === "age");
}

/** A process may end while it is looked at. */
function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** A folder as PATH that has what bin/burrow needs, and no `age`. */
function pathWithoutAge(): string {
  const path = join(folder, "programs");
  mkdirSync(path);
  for (const name of ["sh", "dirname", "readlink", "find", "head"]) {
    const found = (process.env["PATH"] ?? "").split(":").find((entry) => existsSync(join(entry, name)));
    if (found !== undefined) symlinkSync(join(found, name), join(path, name));
  }
  return path;
}

function newestArchive(dataDir: string): string {
  const names = readdirSync(join(dataDir, "backups")).filter((name) => name.endsWith(".burrow-backup"));
  return join(dataDir, "backups", names.toSorted().at(-1) ?? "");
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function print(what: string, done: Run, floors: readonly Floor[] = [], task?: "encrypt" | "decrypt"): void {
  const child = done.childBytes > 0 ? ` + ${megabytesOf(done.childBytes)}` : "";
  const ratios = task
    ? floors.map((floor) => `${(floor[task] / done.seconds).toFixed(2)} × ${floor.name}`)
    : [];
  const rate = task ? [`${(megabytes / done.seconds).toFixed(0)} MB/s`] : [];
  const cells = [
    `${done.seconds.toFixed(1)} s`,
    ...rate,
    ...ratios,
    `peak ${megabytesOf(done.peakBytes)}${child} MB`,
  ];
  console.log(`  ${what}: ${cells.join(", ")}`);
}

function megabytesOf(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
