/**
 * What `tsc -b` leaves to do: the assets (everything under origin/ that is no source) go beside the built modules,
 * and the stamp tells bin/burrow how new the build is. Last, so that a build cut short is not taken for one.
 */
import { cpSync, existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");

/** Modules and assets whose source is gone would otherwise live on in dist/. */
function removeOrphans(folder: "origin" | "shared"): void {
  for (const entry of readdirSync(join(dist, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const built = join(entry.parentPath, entry.name);
    const source = join(root, built.slice(dist.length)).replace(/(?:\.d\.ts|\.js)$/, ".ts");
    const asset = join(root, built.slice(dist.length));
    if (!existsSync(source) && !existsSync(asset)) rmSync(built);
  }
}

function isAsset(name: string): boolean {
  return !name.endsWith(".ts") && name !== "tsconfig.json";
}

let copied = 0;
for (const entry of readdirSync(join(root, "origin"), { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !isAsset(entry.name)) continue;
  const source = join(entry.parentPath, entry.name);
  cpSync(source, join(dist, source.slice(root.length)));
  copied += 1;
}
removeOrphans("origin");
removeOrphans("shared");
writeFileSync(join(dist, "stamp"), `${new Date().toISOString()}\n`);
console.log(`${copied} assets copied to dist/`);
