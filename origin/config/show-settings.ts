import { secretFile, type SecretName, secretNames } from "./secrets.ts";
import { configFile } from "./read-config.ts";
import { readEnvironment } from "./read-environment.ts";
import { readFile } from "./read-file.ts";
import { existsSync } from "node:fs";
import { type SettingName, settings } from "./settings.ts";

/** What stands in a secret's place wherever settings are shown; saved back, it changes nothing (save-settings.ts). */
export const configured = "configured";

export interface ShownSetting {
  readonly name: SettingName;
  /** As written in the file or the environment, else the default; a secret one only as "configured". */
  readonly value: unknown;
  readonly source: "default" | "file" | "environment";
  readonly secret: boolean;
}

/** K3: every setting and what it is now, without any secret. The configuration must be one that can be read. */
export function showSettings(dataDir: string, environment: NodeJS.ProcessEnv): ShownSetting[] {
  const file = readFile(configFile(dataDir)).values;
  const variables = readEnvironment(environment).values;
  return (Object.keys(settings) as SettingName[]).map((name) => {
    const source = variables.has(name) ? "environment" : file.has(name) ? "file" : "default";
    const { fallback, secret = false } = settings[name];
    const value = { environment: variables.get(name), file: file.get(name), default: fallback }[source];
    return { name, value: secret && value !== "" ? configured : value, source, secret };
  });
}

/** The names of the secret files, each `configured` or `absent`; none is opened. */
export function showSecrets(dataDir: string): Record<SecretName, "configured" | "absent"> {
  return Object.fromEntries(
    secretNames.map((name) => [name, existsSync(secretFile(dataDir, name)) ? configured : "absent"]),
  ) as Record<SecretName, "configured" | "absent">;
}
