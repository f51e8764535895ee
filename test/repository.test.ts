/** What holds for the source tree as a whole. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

import { type Lockfile, missingEntries } from "../tools/complete-lockfile.ts";
import { projectRoot } from "./support/run-burrow.ts";

const folders = ["shared", "workers", "origin", "test", "tools"];
const files = folders.flatMap((folder) =>
  readdirSync(join(projectRoot, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:ts|js|css)$/.test(entry.name))
    .map((entry) => relative(projectRoot, join(entry.parentPath, entry.name))),
);
const read = (file: string) => readFileSync(join(projectRoot, file), "utf8");

/** The project's own files that a source imports, from the project's folder. */
function importsOf(file: string): string[] {
  const specifiers = read(file).matchAll(
    /^\s*(?:import|export)\b[^"']*?["'](\.[^"']+)["']|\bimport\(\s*["'](\.[^"']+)["']/gm,
  );
  return [...specifiers].map((match) => join(dirname(file), match[1] ?? match[2] ?? ""));
}

const inFolder = (file: string, folder: string) => file.startsWith(`${folder}/`);

/** `origin/apps/matrix` for a file of it. */
const appOf = (file: string) => /^origin\/apps\/[^/]+/.exec(file)?.[0];

/** The parts on which others stand, and what stands on them. */
const ground = ["origin/storage", "origin/config", "origin/host", "origin/http", "origin/members"];
const middle = ["origin/gate", "origin/pages"];
const upper = ["origin/apps", "origin/cli"];

/** One type without an import: the request context has a place for what the gate finds out. */
const knownToAll = "origin/gate/identity.ts";

/** What brings all parts together. */
const tops = ["origin/main.ts", "origin/known-databases.ts"];

/** Why this import goes against the layout, or undefined. */
function fault(from: string, to: string): string | undefined {
  if (inFolder(from, "test") || inFolder(from, "tools")) return undefined;
  if (inFolder(from, "shared") && !inFolder(to, "shared")) return "shared imports nothing but shared";
  if (inFolder(from, "workers") && !inFolder(to, "workers") && !inFolder(to, "shared"))
    return "workers import shared only";
  if (inFolder(from, "origin") && inFolder(to, "workers"))
    return "the origin knows nothing of the edge's code";
  const [fromApp, toApp] = [appOf(from), appOf(to)];
  if (toApp !== undefined && fromApp === undefined && !tops.includes(from))
    return "only main.ts and the list of databases import an app";
  if (toApp !== undefined && fromApp !== undefined && fromApp !== toApp)
    return "an app never imports another app";
  if (fromApp !== undefined && inFolder(to, "origin/cli")) return "an app is below the command line";
  if (tops.includes(to) && !inFolder(from, "origin/cli"))
    return "only the command line starts the origin, or restores it";
  const isIn = (file: string, layer: string[]) => layer.some((folder) => inFolder(file, folder));
  if (isIn(from, ground) && isIn(to, [...middle, ...upper]) && to !== knownToAll)
    return "the ground does not know what stands on it";
  if (isIn(from, middle) && isIn(to, upper)) return "the gate and the pages serve any app, and know none";
  const [fromMiddle, toMiddle] = [from, to].map((file) => middle.find((folder) => inFolder(file, folder)));
  if (fromMiddle !== undefined && toMiddle !== undefined && fromMiddle !== toMiddle)
    return "who may enter and how a page looks are two things";
  return undefined;
}

test("arrows go down only", () => {
  const faults = files
    .filter((file) => file.endsWith(".ts"))
    .flatMap((from) => importsOf(from).map((to) => ({ from, to, why: fault(from, to) })))
    .filter(({ why }) => why !== undefined);
  assert.deepEqual(faults, []);
});

test("the check of the arrows sees what it should", () => {
  assert.ok(importsOf("origin/main.ts").includes("origin/members/create-members.ts"));
  assert.ok(fault("origin/apps/home/home.ts", "origin/apps/matrix/matrix.ts"));
  assert.ok(fault("origin/members/names.ts", "origin/apps/home/home.ts"));
  assert.ok(fault("shared/hosts.ts", "origin/main.ts"));
  assert.ok(fault("workers/worker.ts", "origin/http/health.ts"));
  assert.ok(fault("origin/members/names.ts", "origin/gate/gate.ts"));
  assert.ok(fault("origin/http/errors.ts", "origin/pages/layout.ts"));
  assert.ok(fault("origin/gate/gate.ts", "origin/apps/home/home.ts"));
  assert.ok(fault("origin/gate/gate.ts", "origin/pages/layout.ts"));
  assert.equal(importsOf(knownToAll).length, 0);
  assert.equal(fault("origin/apps/home/home.ts", "origin/members/members.ts"), undefined);
  assert.equal(fault("origin/apps/home/home.ts", "origin/gate/gate.ts"), undefined);
});

/** What opens or makes an archive, or unpacks a compressed stream. */
const opensArchives =
  /(?:from |import\(|require\()"(?:yauzl|yazl|modern-tar(?:\/fs)?)"|\b(?:create)?(?:g?unzip|inflate(?:Raw)?|zstdDecompress|brotliDecompress)(?:Sync)?\(|\bDecompressionStream\b|\bspawn\w*\(\s*"(?:tar|bsdtar|unzip|7z|gunzip)"/i;

/** Compression that is no archive's, with its reason. */
const decompresses = new Set([
  // An answer's Content-Encoding, counted as it comes and as it is decoded.
  "origin/host/outbound/answer-body.ts",
]);

test("no file but the extractor's opens an archive", () => {
  const opening = files.filter((file) => file.startsWith("origin/") && opensArchives.test(read(file)));
  const folder = "origin/host/archive";
  assert.deepEqual(
    opening.filter((file) => !inFolder(file, folder) && !decompresses.has(file)),
    [],
    `use ${folder}/archive.ts`,
  );
  assert.ok(opening.includes(`${folder}/zip-table.ts`) && opening.includes(`${folder}/decompress.ts`));
});

test("a file is a room: at most 500 lines", () => {
  const long = files.filter((file) => read(file).split("\n").length > 501);
  assert.deepEqual(long, []);
});

test("file names are kebab-case, and none is a drawer for everything", () => {
  const odd = files.filter(
    (file) => !/^(?:[a-z0-9.-]+\/)*[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:ts|js|css)$/.test(file),
  );
  assert.deepEqual(odd, []);
  const drawers = files.filter((file) =>
    /(?:^|\/)(?:utils?|helpers?|common|manager|misc)(?:\.|\/|$)/.test(file),
  );
  assert.deepEqual(drawers, []);
});

test("npm ci can use the lockfile on every platform, and it names no registry", () => {
  const lock = JSON.parse(read("package-lock.json")) as Lockfile;
  assert.deepEqual(missingEntries(lock), {}, 'run "node tools/complete-lockfile.ts"');
  assert.deepEqual(
    Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined),
    [],
  );
});

test("versions are exact, and install scripts are decided one by one", () => {
  const manifest = JSON.parse(read("package.json")) as Record<string, Record<string, string>>;
  for (const kind of ["dependencies", "devDependencies", "optionalDependencies"]) {
    for (const [name, version] of Object.entries(manifest[kind] ?? {})) {
      assert.match(version, /^\d+\.\d+\.\d+$/, name);
    }
  }
  assert.match(read(".npmrc"), /^strict-allow-scripts=true$/m);
});
