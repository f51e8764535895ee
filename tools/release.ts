/**
 * Makes a release: `release/burrow-<version>.tgz` and its hash beside it. What a device needs and no more: the built .js (Node
 * refuses .ts below node_modules, and starts them slowly anywhere), the programs' packages by lock, the edge ready to be
 * deployed, docs and the bill of materials. The same sources give the same bytes.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { fileURLToPath } from "node:url";
import { createGzip } from "node:zlib";
import { createTarPacker } from "modern-tar";

import { createSbom } from "./sbom.ts";

export interface ReleaseFile {
  readonly file: string;
  readonly sha256: string;
  readonly version: string;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly allowScripts?: Readonly<Record<string, boolean>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

/** Builds the sources of `root`, which must have its packages installed, and packs them into the folder `out`. */
export async function makeRelease(root: string, out: string): Promise<ReleaseFile> {
  const stage = mkdtempSync(join(tmpdir(), "burrow-release-"));
  try {
    build(root, stage);
    return await packRelease(root, stage, out);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

/** In a folder of its own: nothing of an older build gets in, and nobody who runs dist/ is disturbed. */
function build(root: string, stage: string): void {
  for (const name of ["shared", "origin", "workers", "tsconfig.base.json", "package.json"])
    cpSync(join(root, name), join(stage, name), { recursive: true });
  mkdirSync(join(stage, "tools"));
  cpSync(join(root, "tools/finish-build.ts"), join(stage, "tools/finish-build.ts"));
  symlinkSync(join(root, "node_modules"), join(stage, "node_modules"));
  // In the tree the edge is only checked: wrangler takes its sources. A release has no .ts, so here it is built.
  const edge = {
    extends: "../tsconfig.base.json",
    compilerOptions: { types: ["@cloudflare/workers-types"], rootDir: "..", outDir: "../dist" },
    include: ["."],
    references: [{ path: "../shared" }],
  };
  writeFileSync(join(stage, "workers/tsconfig.json"), JSON.stringify(edge));
  const run = (words: string[]) =>
    execFileSync(process.execPath, words, {
      cwd: stage,
      stdio: ["ignore", "pipe", "pipe"],
      encoding: "utf8",
    });
  try {
    run([join(root, "node_modules/typescript/bin/tsc"), "-b", "origin", "workers"]);
    run(["tools/finish-build.ts"]);
  } catch (error) {
    const { stdout } = error as { stdout?: string };
    throw new Error(`The sources do not build:\n${stdout ?? ""}`, { cause: error });
  }
}

/** Packs what `stage` has in dist/ with the rest from `root`. */
export async function packRelease(root: string, stage: string, out: string): Promise<ReleaseFile> {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
  const { name, version } = manifest;
  const files = new Map<string, Buffer>();
  const add = (path: string, content: string | Buffer) => files.set(path, Buffer.from(content));

  for (const path of filesBelow(join(stage, "dist"))) {
    if (!/\.d\.ts$|\.tsbuildinfo$/.test(path)) add(`dist/${path}`, readFileSync(join(stage, "dist", path)));
  }
  // Its time is what counts, and all files bear the same.
  add("dist/stamp", `${version}\n`);
  for (const path of filesBelow(join(root, "docs")))
    add(`docs/${path}`, readFileSync(join(root, "docs", path)));
  for (const path of ["bin/burrow", "LICENSE", "README.md", ".npmrc"])
    add(path, readFileSync(join(root, path)));
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock;
  const locked = productionLock(lock);
  add("package-lock.json", toText(locked));
  add("package.json", toText(productionManifest(manifest, locked)));
  add("wrangler.toml", edgeOf(readFileSync(join(root, "wrangler.toml"), "utf8")));
  add("sbom.cdx.json", toText(createSbom(root)));

  mkdirSync(out, { recursive: true });
  const file = join(out, `${name}-${version}.tgz`);
  const sha256 = await writeTarball(file, `${name}-${version}`, files);
  writeFileSync(`${file}.sha256`, `${sha256}  ${name}-${version}.tgz\n`);
  return { file, sha256, version };
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly [key: string]: unknown }>>;
  readonly [key: string]: unknown;
}

function productionLock(lock: Lock): Lock {
  const packages = Object.entries(lock.packages)
    .filter(([, { dev }]) => dev !== true)
    .map(([place, entry]) => {
      const { devDependencies: _, ...kept } = entry;
      return [place, place === "" ? kept : entry] as const;
    });
  return { ...lock, packages: Object.fromEntries(packages) };
}

function productionManifest(manifest: Manifest, lock: Lock): object {
  const { devDependencies = {}, allowScripts = {}, ...kept } = manifest;
  const isThere = (name: string) => `node_modules/${name}` in lock.packages;
  return {
    ...kept,
    scripts: {
      start: "exec bin/burrow up",
      deploy: `npx wrangler@${devDependencies["wrangler"]} deploy --config wrangler.deploy.toml`,
    },
    allowScripts: Object.fromEntries(Object.entries(allowScripts).filter(([name]) => isThere(name))),
  };
}

function edgeOf(wrangler: string): string {
  const built = wrangler.replace(/^main = "(workers\/[^"]+)\.ts"$/m, 'main = "dist/$1.js"');
  if (built === wrangler) throw new Error("wrangler.toml no longer says main where it is looked for");
  return built;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

function toText(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** https://reproducible-builds.org/specs/source-date-epoch/: the same for every file, whoever builds it and when. */
const mtime = new Date(Number(process.env["SOURCE_DATE_EPOCH"] ?? 315_532_800) * 1000);

/** Sorted, with one time, no owner and no build machine in it. Answers the SHA-256 of what was written. */
async function writeTarball(file: string, top: string, files: ReadonlyMap<string, Buffer>): Promise<string> {
  const { readable, controller } = createTarPacker();
  const hash = createHash("sha256");
  const writing = pipeline(
    Readable.fromWeb(readable as NodeReadableStream),
    createGzip({ level: 9 }),
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(file),
  );
  for (const [path, content] of [...files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const mode = path === "bin/burrow" ? 0o755 : 0o644;
    const size = content.byteLength;
    const body = controller.add({ name: `${top}/${path}`, type: "file", size, mode, mtime }).getWriter();
    if (size > 0) await body.write(content);
    await body.close();
  }
  controller.finalize();
  await writing;
  return hash.digest("hex");
}

if (import.meta.main) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const { file, sha256 } = await makeRelease(root, join(root, "release"));
  console.log(`${sha256}  ${file}`);
}
