import { existsSync } from "node:fs";
import type { Mode } from "../config/config.ts";
import { chooseDataFolder, makeDataFolder } from "../config/data-folder.ts";
import { configFile, readConfig } from "../config/read-config.ts";
import { createSecrets } from "../config/secrets.ts";
import { SettingError, settings } from "../config/settings.ts";
import { writeNewFile } from "../storage/new-file.ts";
import { answer, type Command, CommandError, textOption, UsageError } from "./command.ts";

export const init: Command = {
  name: "init",
  usage: "--server-name NAME",
  summary: "Writes burrow.toml and the secrets, or what of them is missing. Never overwrites what is there.",
  options: { "server-name": { type: "string" } },
  words: 0,
  async run(invocation) {
    const dataDir = chooseDataFolder(textOption(invocation, "data"), invocation.environment);
    const serverName = textOption(invocation, "server-name") ?? nameOf(dataDir);
    if (serverName === undefined) {
      throw new UsageError("Give the name that the server will have: burrow init --server-name example.org");
    }
    try {
      settings.server_name.read(serverName);
    } catch (error) {
      if (error instanceof SettingError) throw new UsageError(`--server-name ${error.message}.`);
      throw error;
    }
    const made = initialise({ dataDir, serverName, mode: "production" });
    answer(invocation, { data: dataDir, created: made }, [
      made.length > 0
        ? `Made in ${dataDir}: ${made.join(", ")}.`
        : `Everything is there already in ${dataDir}.`,
      'Next: "burrow owner create NAME --password-stdin", then "burrow up". "burrow doctor" checks the whole.',
    ]);
    return 0;
  },
};

/** The name that a folder was set up for: what is missing in it is made without being told it again. */
function nameOf(dataDir: string): string | undefined {
  return existsSync(configFile(dataDir)) ? readConfig({ dataDir, environment: {} }).serverName : undefined;
}

/**
 * Makes of the data folder what is missing, and checks that the configuration can be read. Returns what was made.
 * Throws CommandError when the folder already has another server name: everything in it belongs to the old one.
 */
export function initialise(options: { dataDir: string; serverName: string; mode: Mode }): string[] {
  makeDataFolder(options.dataDir);
  const path = configFile(options.dataDir);
  const isNew = !existsSync(path);
  if (isNew) writeNewFile(path, configText(options.serverName, options.mode));
  const { serverName } = readConfig({ dataDir: options.dataDir, environment: {} });
  if (serverName !== options.serverName) {
    throw new CommandError(
      `${path} is for ${serverName} already, and a server's name cannot be changed. Choose another folder with --data.`,
    );
  }
  const secrets = createSecrets(options.dataDir);
  return [...(isNew ? ["burrow.toml"] : []), ...secrets.map((name) => `secrets/${name}`)];
}

function configText(serverName: string, mode: Mode): string {
  if (mode !== "production") {
    // Suites of others publish rooms and look for them.
    const matrix = mode === "test" ? '[matrix]\nroom_directory = "members"\n\n' : "";
    return `mode = "${mode}"\nserver_name = "${serverName}"\n\n${matrix}[log]\nlevel = "warn"\n`;
  }
  return `# The server's name: the part after the colon in @ada:${serverName}. It can never be changed.
server_name = "${serverName}"

# Where the tunnel finds the origin: "unix:origin.sock" (in this folder) or a loopback address, "127.0.0.1:8090".
# listen = "unix:origin.sock"

[matrix]
# The version of new rooms: "10", "11" or "12".
# default_room_version = "11"
# The largest upload, in bytes: in one request, and in parts (docs/large-files.md).
# max_upload_size = 99000000
# max_resumable_size = 2000000000
# What one member's uploads may take, in bytes.
# media_quota = 5000000000
# Whether addresses in messages may be fetched for a preview.
# url_previews = false
# Whether members can publish rooms for each other to find: "closed" or "members".
# room_directory = "closed"
# Whether members see who of their rooms is there: "on" or "off".
# presence = "on"
# Whom members find by name: "rooms" (those of their rooms and of open ones) or "members" (everyone).
# user_directory = "rooms"

[edge]
# The Worker's name in your Cloudflare account.
# worker = "burrow"
# The id of the Workers VPC service that leads to the origin.
# vpc_service = ""
# Strict-Transport-Security: "off", "trial", "day", "long", and "long includeSubDomains preload".
# hsts_stage = "trial"

[log]
# level = "info"
`;
}
