import { readConfig } from "../config/read-config.ts";
import { valueOf } from "../config/read-environment.ts";
import { secretNames, secretPurposes } from "../config/secrets.ts";
import { saveSettings } from "../config/save-settings.ts";
import { type SettingName, settings } from "../config/settings.ts";
import { showSecrets, showSettings } from "../config/show-settings.ts";
import { checkDataFolder, chooseDataFolder } from "../config/data-folder.ts";
import { answer, type Command, type Invocation, textOption, UsageError } from "./command.ts";
import { readSecretInput } from "./read-password.ts";

const show: Command = {
  name: "config show",
  usage: "",
  summary: 'Shows every setting; secret ones only as "configured".',
  words: 0,
  async run(invocation) {
    const dataDir = openFolder(invocation);
    readConfig({ dataDir, environment: invocation.environment });
    const shown = showSettings(dataDir, invocation.environment);
    const secrets = showSecrets(dataDir);
    answer(
      invocation,
      {
        settings: Object.fromEntries(shown.map(({ name, value }) => [name, value])),
        sources: Object.fromEntries(shown.map(({ name, source }) => [name, source])),
        secrets,
      },
      [
        ...shown.map(
          ({ name, value, source }) =>
            `${name.padEnd(28)}  ${JSON.stringify(value)}${source === "default" ? "" : `  (${source})`}`,
        ),
        "",
        ...secretNames.map(
          (name) => `${`secrets/${name}`.padEnd(28)}  ${secrets[name]}: ${secretPurposes[name]}`,
        ),
      ],
    );
    return 0;
  },
};

const set: Command = {
  name: "config set",
  usage: "KEY VALUE  or, for a secret one: KEY --stdin",
  summary: "Changes one setting in burrow.toml, when the whole can be used with it.",
  options: { stdin: { type: "boolean" } },
  words: [1, 2],
  async run(invocation) {
    const dataDir = openFolder(invocation);
    const [name = "", argument] = invocation.positionals;
    const isSecret = Object.hasOwn(settings, name) && settings[name as SettingName].secret === true;
    const fromInput = invocation.options["stdin"] === true;
    if (fromInput === (argument !== undefined)) {
      throw new UsageError("Give the value either as a word or, with --stdin, on standard input.");
    }
    if (isSecret && !fromInput && argument !== "" && argument !== "configured") {
      // Every process of the machine can read arguments.
      throw new UsageError(
        `${name} is a secret: pass it on standard input, burrow config set ${name} --stdin`,
      );
    }
    const text = argument ?? (await readSecretInput(invocation.input, "value"));
    const value = Object.hasOwn(settings, name) ? valueOf(name as SettingName, text) : text;
    const changed = saveSettings(dataDir, { [name]: value });
    answer(invocation, { changed }, [
      changed.length > 0
        ? `Changed ${name}. It holds from the next start of the server on.`
        : `${name} was so already.`,
    ]);
    return 0;
  },
};

export const configCommands: readonly Command[] = [show, set];

function openFolder(invocation: Invocation): string {
  const dataDir = chooseDataFolder(textOption(invocation, "data"), invocation.environment);
  checkDataFolder(dataDir);
  return dataDir;
}
