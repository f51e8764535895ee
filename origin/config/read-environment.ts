import { otherVariables, settings, type SettingName, variableOf } from "./settings.ts";
import { nearest } from "./nearest.ts";

/** The settings among the environment's BURROW_* variables, and what is wrong with the others. */
export function readEnvironment(environment: NodeJS.ProcessEnv): {
  values: Map<string, unknown>;
  problems: string[];
} {
  const names = new Map((Object.keys(settings) as SettingName[]).map((name) => [variableOf(name), name]));
  const values = new Map<string, unknown>();
  const problems: string[] = [];
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith("BURROW_") || otherVariables.includes(variable)) continue;
    const name = names.get(variable);
    if (name === undefined) {
      const known = nearest(variable, [...names.keys(), ...otherVariables]);
      problems.push(
        `The environment variable ${variable} is not known${known ? `; is ${known} meant?` : "."}`,
      );
    } else if (text !== undefined) {
      values.set(name, valueOf(name, text));
    }
  }
  return { values, problems };
}

/** A text from outside burrow.toml, brought to the type that the setting has. */
export function valueOf(name: SettingName, text: string): string | number | boolean {
  const type = typeof settings[name].fallback;
  if (type === "number" && /^\d+$/.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}
