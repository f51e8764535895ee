import { randomBytes } from "node:crypto";
import type { Config } from "../config/config.ts";
import { beginEdgeKey, finishEdgeKey, isGiven, renewSecret, replaceSecret } from "../config/rotate-secret.ts";
import { newDkimKey } from "../config/dkim-key.ts";
import { newOidcKeys } from "../config/oidc-keys.ts";
import { nextTotpKeys } from "../config/totp-key.ts";
import {
  clientSecretFile,
  readOptionalSecret,
  secretFile,
  type SecretName,
  secretNames,
  writeClientSecret,
  writeSecret,
} from "../config/secrets.ts";
import { edgeKeyInUse } from "../host/alerts/watch-host.ts";
import { createBackupKeys, identityFile } from "../host/backup/backup-keys.ts";
import { readFact } from "../host/facts.ts";
import { answer, type Command, CommandError, type Invocation, UsageError } from "./command.ts";
import { withHost } from "./open-host.ts";
import { openConfig } from "./open-members.ts";
import { readSecretInput } from "./read-password.ts";

/** The backups' key pair and identity change together. */
type RotateName = Exclude<SecretName, "backup-signing-key"> | "backup-identity";
/** One for each app of `[[oidc_client]]`: `oidc-client-photos`. */
const clientPrefix = "oidc-client-";
const rotateNames: readonly RotateName[] = [
  ...secretNames.filter((name) => name !== "backup-signing-key"),
  "backup-identity",
];

const restart = "Restart Burrow: it reads its secrets when it starts.";

export const rotate: Command = {
  name: "rotate",
  usage: "NAME [--finish [--force]]",
  summary: `Exchanges a secret (${rotateNames.join(", ")}), or that of an app, oidc-client-ID.`,
  options: { finish: { type: "boolean" }, force: { type: "boolean" } },
  words: 1,
  async run(invocation) {
    const [asked = ""] = invocation.positionals;
    if (asked.startsWith(clientPrefix)) exchangeClientSecret(invocation, asked.slice(clientPrefix.length));
    else await exchange(invocation, readName(invocation));
    return 0;
  },
};

function readName({ positionals, options }: Invocation): RotateName {
  const name = rotateNames.find((candidate) => candidate === positionals[0]);
  if (name === undefined) {
    throw new UsageError(`There is no secret "${positionals[0]}" to rotate. ${rotate.summary}`);
  }
  if (options["finish"] === true && name !== "edge-key") {
    throw new UsageError(`"--finish" is for edge-key: of ${name} there is one at a time.`);
  }
  return name;
}

async function exchange(invocation: Invocation, name: RotateName): Promise<void> {
  if (name === "edge-key") {
    if (invocation.options["finish"] === true) await finish(invocation);
    else begin(invocation);
    return;
  }
  if (name === "backup-identity") return await exchangeBackupKeys(invocation);
  const { dataDir } = openConfig(invocation);
  if (isGiven(name)) replaceSecret(dataDir, name, await readSecretInput(invocation.input, name));
  else if (name === "alert-webhook-key") renewSecret(dataDir, name);
  else if (name === "mail-dkim-key") writeSecret(dataDir, name, await newDkimKey());
  else if (name === "oidc-keys") {
    writeSecret(dataDir, name, await newOidcKeys(readOptionalSecret(dataDir, name)));
  } else if (name === "totp-key") exchangeTotpKey(dataDir);
  const path = secretFile(dataDir, name);
  const next =
    name === "tunnel-token"
      ? "burrow service restart cloudflared"
      : name === "mail-dkim-key"
        ? `burrow mail dkim, for what DNS must say from now on. ${restart}`
        : restart;
  const handOver = name === "alert-webhook-key" ? `Give the receiver the content of ${path}. ` : "";
  answer(invocation, { name, path, next: [next] }, [`${name} is exchanged. ${handOver}Next: ${next}`]);
}

/** At its start the origin seals everything by the new one, and drops the one before. */
function exchangeTotpKey(dataDir: string): void {
  const content = nextTotpKeys(readOptionalSecret(dataDir, "totp-key"));
  if (content === undefined) throw new CommandError(`An exchange of totp-key is under way. ${restart}`);
  writeSecret(dataDir, "totp-key", content);
}

/** The app gets it from the file, which its owner opens: it is shown nowhere. */
function exchangeClientSecret(invocation: Invocation, id: string): void {
  const { dataDir, oidcClients } = openConfig(invocation);
  const client = oidcClients.find((known) => known.id === id);
  if (!client) throw new UsageError(`burrow.toml has no [[oidc_client]] with the id "${id}".`);
  if (client.authMethod === "none") {
    throw new UsageError(`The app "${id}" has token_endpoint_auth_method "none": it takes no secret.`);
  }
  writeClientSecret(dataDir, id, randomBytes(32).toString("base64url"));
  const path = clientSecretFile(dataDir, id);
  answer(invocation, { name: `${clientPrefix}${id}`, path, next: [restart] }, [
    `${client.name} has a new secret. Give it the content of ${path}. Next: ${restart}`,
  ]);
}

/** Later backups are for the new identity; the earlier ones still open with theirs. */
async function exchangeBackupKeys(invocation: Invocation): Promise<void> {
  const { dataDir, serverName } = openConfig(invocation);
  // Loaded here: every other command would otherwise wait for it.
  const { newIdentity } = await import("../host/backup/age.ts");
  createBackupKeys(dataDir, await newIdentity(), { serverName, now: Date.now() });
  const path = identityFile(dataDir);
  const next = ["burrow backup export-identity FILE", "burrow backup create"];
  answer(invocation, { name: "backup-identity", path, next }, [
    `The backups from now on are for the new identity in ${path}. The earlier ones need the earlier identity: keep it.`,
    "Next:",
    ...next.map((line) => `  ${line}`),
  ]);
}

function begin(invocation: Invocation): void {
  const config = openConfig(invocation);
  const id = beginEdgeKey(config.dataDir);
  const next = [restart, handOverCommand(config), "burrow doctor", "burrow rotate edge-key --finish"];
  answer(invocation, { name: "edge-key", key: id, next }, [
    `The new key is ${id}; the old one stays good until the exchange is finished. Next, in this order:`,
    ...next.map((line, index) => `  ${index + 1}. ${line}`),
  ]);
}

/** By a pipe: on a command line every process could read it. */
function handOverCommand({ dataDir }: Config): string {
  return `head -n 1 "${secretFile(dataDir, "edge-key")}" | npx wrangler secret put EDGE_KEY --config wrangler.deploy.toml`;
}

async function finish(invocation: Invocation): Promise<void> {
  await withHost(invocation, (database, { dataDir }) => {
    const inUse = readFact(database, edgeKeyInUse)?.value;
    const gone = finishEdgeKey(dataDir, inUse, invocation.options["force"] === true);
    answer(invocation, { name: "edge-key", dropped: gone, next: [restart] }, [
      `The old key ${gone} is dropped. ${restart}`,
    ]);
  });
}
