/**
 * The software bill of materials in CycloneDX 1.6 (ECMA-424), from package-lock.json: every package that the lock names, with
 * the hash that npm verifies. `npm run --silent sbom` prints it; a release carries it as sbom.cdx.json.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** `excluded`: used to build and test, not part of what runs. */
type Scope = "required" | "optional" | "excluded";

interface Component {
  readonly type: "library";
  readonly "bom-ref": string;
  readonly name: string;
  readonly group?: string;
  readonly version: string;
  scope: Scope;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses?: readonly object[];
  readonly purl: string;
}

export interface Sbom {
  readonly bomFormat: "CycloneDX";
  readonly specVersion: "1.6";
  readonly serialNumber: string;
  readonly version: 1;
  readonly metadata: { readonly component: object };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

const strength: readonly Scope[] = ["excluded", "optional", "required"];

/** The same lock and packages give the same text, byte by byte: no time and no chance in it. */
export function createSbom(root: string): Sbom {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, LockedPackage>;
  };
  const { "": self = {}, ...packages } = lock.packages;
  const { name, version, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    name: string;
    version: string;
    license: string;
  };
  const components = new Map<string, Component>();
  const links = new Map<string, Set<string>>();
  for (const [place, locked] of Object.entries(packages)) {
    const component = describe(root, place, locked);
    const { purl } = component;
    const known = components.get(purl);
    if (!known) components.set(purl, component);
    else if (strength.indexOf(component.scope) > strength.indexOf(known.scope)) known.scope = component.scope;
    const into = links.get(purl) ?? new Set<string>();
    for (const target of targetsOf(place, locked, packages)) into.add(target);
    links.set(purl, into);
  }
  const own = purlOf(name, version);
  links.set(own, new Set(targetsOf("", self, packages)));
  const body = {
    metadata: {
      component: {
        type: "application",
        "bom-ref": own,
        name,
        version,
        licenses: [{ license: { id: license } }],
        purl: own,
      },
    },
    components: [...components.values()].toSorted((a, b) => compare(a.purl, b.purl)),
    dependencies: [...links]
      .map(([ref, targets]) => ({ ref, dependsOn: [...targets].toSorted(compare) }))
      .toSorted((a, b) => compare(a.ref, b.ref)),
  };
  const serialNumber = `urn:uuid:${uuidOf(JSON.stringify(body))}`;
  return { bomFormat: "CycloneDX", specVersion: "1.6", serialNumber, version: 1, ...body };
}

function describe(root: string, place: string, locked: LockedPackage): Component {
  const { full, version } = { full: nameOf(place), version: locked.version ?? "" };
  const [scope, name] = full.startsWith("@") ? full.split("/") : [undefined, full];
  const purl = purlOf(full, version);
  const licence = licenceOf(root, place) ?? locked.license;
  return {
    type: "library",
    "bom-ref": purl,
    ...(scope !== undefined && { group: scope }),
    name: name ?? full,
    version,
    scope: locked.dev === true ? "excluded" : locked.optional === true ? "optional" : "required",
    ...(locked.integrity !== undefined && { hashes: locked.integrity.split(" ").map(hashOf) }),
    ...(licence !== undefined && { licenses: [formatLicence(licence)] }),
    purl,
  };
}

/** `node_modules/a/node_modules/@b/c` → `@b/c`. */
function nameOf(place: string): string {
  return place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length);
}

/** https://github.com/package-url/purl-spec, type npm: the scope is the namespace, its @ encoded. */
function purlOf(name: string, version: string): string {
  const path = name.split("/").map(encodeURIComponent).join("/");
  return `pkg:npm/${path}@${encodeURIComponent(version)}`;
}

/** Subresource integrity (`sha512-<base64>`) as CycloneDX writes hashes. */
function hashOf(integrity: string): { alg: string; content: string } {
  const [algorithm = "", digest = ""] = integrity.split(/-(.*)/s);
  return { alg: algorithm.replace("sha", "SHA-"), content: Buffer.from(digest, "base64").toString("hex") };
}

/** What the installed package says; a platform's package that is not installed is known by the lock alone. */
function licenceOf(root: string, place: string): string | undefined {
  try {
    const { license } = JSON.parse(readFileSync(join(root, place, "package.json"), "utf8")) as {
      license?: unknown;
    };
    return typeof license === "string" ? license : undefined;
  } catch {
    return undefined;
  }
}

function formatLicence(text: string): object {
  if (/^[\w.+-]+$/.test(text)) return { license: { id: text } };
  return /\b(?:AND|OR|WITH)\b/.test(text) ? { expression: text } : { license: { name: text } };
}

/** What a package is given when it asks for another: looked up as Node does, from its own place upwards. */
function* targetsOf(
  place: string,
  locked: LockedPackage,
  packages: Readonly<Record<string, LockedPackage>>,
): Generator<string, void, void> {
  const wanted = { ...locked.devDependencies, ...locked.dependencies, ...locked.optionalDependencies };
  for (const name of Object.keys(wanted)) {
    const found = placesAbove(place)
      .map((above) => `${above}node_modules/${name}`)
      .find((candidate) => candidate in packages);
    const version = found === undefined ? undefined : packages[found]?.version;
    if (version !== undefined) yield purlOf(name, version);
  }
}

/** `node_modules/a/node_modules/b` → that with a slash, `node_modules/a/`, and the top. */
function placesAbove(place: string): string[] {
  if (place === "") return [""];
  const above = place.slice(0, place.lastIndexOf("node_modules/")).replace(/\/$/, "");
  return [`${place}/`, ...placesAbove(above)];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** RFC 9562 §5.8: a UUID of the content's hash. */
function uuidOf(text: string): string {
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

if (import.meta.main) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  console.log(JSON.stringify(createSbom(root), null, 2));
}
