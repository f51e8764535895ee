/**
 * Adds to package-lock.json the optional platform packages that the registry of the machine that made the
 * lock did not serve. `npm install` leaves them out silently, and `npm ci` then refuses the lock everywhere.
 * Run it after every `npm install` that changes the lock; test/repository.test.ts fails when it was forgotten.
 */
import { readFileSync, writeFileSync } from "node:fs";

interface LockedPackage {
  version?: string;
  resolved?: string;
  optional?: boolean;
  dev?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}
export interface Lockfile {
  packages: Record<string, LockedPackage>;
}

const systems = [
  "linux",
  "darwin",
  "win32",
  "freebsd",
  "android",
  "openbsd",
  "netbsd",
  "sunos",
  "aix",
  "openharmony",
];
const processors = [
  "x64",
  "arm64",
  "arm",
  "ia32",
  "riscv64",
  "ppc64",
  "s390x",
  "loong64",
  "mips64el",
  "wasm32",
];

function platformOf(name: string): Pick<LockedPackage, "os" | "cpu" | "libc"> {
  const words = name.split(/[-/]/).map((word) => (word === "windows" ? "win32" : word));
  const os = systems.filter((system) => words.some((word) => word === system || word === `${system}musl`));
  const cpu = processors.filter((processor) => words.includes(processor));
  const libc = words.some((word) => word.startsWith("musl"))
    ? ["musl"]
    : words.includes("gnu")
      ? ["glibc"]
      : [];
  return { ...(os.length && { os }), ...(cpu.length && { cpu }), ...(libc.length && { libc }) };
}

/** The entries that the lock should have and lacks, by path. */
export function missingEntries(lock: Lockfile): Record<string, LockedPackage> {
  const missing: Record<string, LockedPackage> = {};
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const there = [`node_modules/${name}`, `${path}/node_modules/${name}`].some(
        (at) => at in lock.packages,
      );
      if (there) continue;
      missing[`node_modules/${name}`] = {
        version,
        optional: true,
        ...(entry.dev && { dev: true }),
        ...platformOf(name),
      };
    }
  }
  return missing;
}

if (import.meta.main) {
  const file = new URL("../package-lock.json", import.meta.url);
  const lock = JSON.parse(readFileSync(file, "utf8")) as Lockfile;
  const missing = missingEntries(lock);
  Object.assign(lock.packages, missing);
  const sorted = Object.fromEntries(
    Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, "en")),
  );
  writeFileSync(file, `${JSON.stringify({ ...lock, packages: sorted }, null, 2)}\n`);
  console.log(`${Object.keys(missing).length} entries added to package-lock.json`);
}
