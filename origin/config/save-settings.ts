import { readFileSync, renameSync, rmSync } from "node:fs";
import type { TomlPrimitive } from "smol-toml";
import { writeNewFile } from "../storage/new-file.ts";
import { setTomlKey } from "./edit-toml.ts";
import { nearest } from "./nearest.ts";
import { ConfigError, configFile, readConfig } from "./read-config.ts";
import { readFile } from "./read-file.ts";
import { SettingError, type SettingName, settings } from "./settings.ts";
import { configured } from "./show-settings.ts";

/**
 * Writes these settings into burrow.toml, all or none, and returns the names that changed. What `showSettings`
 * gave may be handed back whole: "configured" leaves a secret as it is (K3). Throws ConfigError for an unknown
 * name, a value that cannot be used, or the server's name, which can never change.
 */
export function saveSettings(dataDir: string, changes: Readonly<Record<string, unknown>>): SettingName[] {
  const path = configFile(dataDir);
  const { values: before } = readFile(path);
  let text = readFileSync(path, "utf8");
  const problems: string[] = [];
  const changed: SettingName[] = [];
  for (const [name, value] of Object.entries(changes)) {
    const problem = judge(name, value, before);
    if (problem === "unchanged") continue;
    if (problem !== undefined) problems.push(problem);
    else {
      text = setTomlKey(text, name, value as TomlPrimitive);
      changed.push(name as SettingName);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  if (changed.length > 0) replace(dataDir, path, text);
  return changed;
}

/** What is against the change; `unchanged` when there is none. */
function judge(name: string, value: unknown, before: ReadonlyMap<string, unknown>): string | undefined {
  if (!isSetting(name)) {
    const meant = nearest(name, Object.keys(settings));
    return `The setting ${name} is not known${meant ? `; is ${meant} meant?` : "."}`;
  }
  const { fallback, secret, read } = settings[name];
  if (secret && value === configured) return "unchanged";
  if (same(value, before.has(name) ? before.get(name) : fallback)) return "unchanged";
  if (name === "server_name") return "server_name can never change: everything in the folder belongs to it.";
  try {
    read(value);
    return undefined;
  } catch (error) {
    if (error instanceof SettingError) return `${name} ${error.message}.`;
    throw error;
  }
}

function isSetting(name: string): name is SettingName {
  return Object.hasOwn(settings, name);
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The whole must be usable before it takes the old one's place. */
function replace(dataDir: string, path: string, text: string): void {
  const next = `${path}.new`;
  rmSync(next, { force: true });
  writeNewFile(next, text);
  try {
    readConfig({ dataDir, environment: {}, file: next });
  } catch (error) {
    rmSync(next, { force: true });
    throw error;
  }
  renameSync(next, path);
}
