import { existsSync, writeFileSync } from "node:fs";

import { makeDataFolder } from "../../origin/config/data-folder.ts";
import { configFile, readConfig } from "../../origin/config/read-config.ts";
import { createSecrets, readEdgeKeys } from "../../origin/config/secrets.ts";
import type { FileSystemCalls } from "../../origin/host/file-system.ts";
import { createLog } from "../../origin/host/log.ts";
import { type Origin, startOrigin } from "../../origin/main.ts";
import type { Kdf } from "../../origin/members/kdf.ts";
import { formatHostTable } from "../../shared/hosts.ts";

/** What a test needs to stand in front of an origin. */
export interface OriginFacts {
  /** `http://127.0.0.1:PORT` of the loopback listener. */
  readonly url: string;
  readonly edgeKey: string;
  /** The host table's text. */
  readonly hosts: string;
  /** While nobody has claimed the server. */
  readonly setupToken: string | null;
}

export interface TestOrigin {
  readonly origin: Origin;
  readonly facts: OriginFacts;
  close(): Promise<void>;
}

const toStandardError = (line: string): void => void process.stderr.write(line);

/** A development origin on `dataDir`, made where it is missing. `write` gets the log's warnings and errors. */
export async function startTestOrigin(options: {
  dataDir: string;
  port?: number;
  publicUrl?: string;
  write?: (line: string) => void;
  now?: () => number;
  fileSystem?: FileSystemCalls;
  kdf?: Kdf;
  /** Further lines of burrow.toml, where the folder is new. */
  settings?: string;
  mailBucketSecret?: string;
  outside?: Parameters<typeof startOrigin>[0]["outside"];
  /** Runs what it names beside the origin. */
  servicesFile?: string;
}): Promise<TestOrigin> {
  const { dataDir, port = 0, publicUrl = "http://127.0.0.1", write = toStandardError } = options;
  makeDataFolder(dataDir);
  if (!existsSync(configFile(dataDir))) {
    // Tests ask faster than any client may.
    const settings = 'mode = "development"\nserver_name = "burrow.localhost"\n';
    writeFileSync(
      configFile(dataDir),
      `${settings}[matrix.rate_limits]\nenabled = false\n${options.settings ?? ""}`,
    );
    createSecrets(dataDir);
  }
  const config = readConfig({
    dataDir,
    environment: {},
    overrides: { listen: { kind: "tcp", host: "127.0.0.1", port }, publicUrl },
  });
  const { now = Date.now, fileSystem, kdf, servicesFile, mailBucketSecret, outside } = options;
  const log = createLog({ level: "warn", now, write });
  const origin = await startOrigin({
    config,
    log,
    now,
    ...(fileSystem && { fileSystem }),
    ...(kdf && { kdf }),
    ...(mailBucketSecret !== undefined && { mailBucketSecret }),
    ...(outside && { outside }),
    ...(servicesFile !== undefined && { servicesFile }),
  });
  const setupToken = origin.members.claimed() ? null : await origin.members.createSetupToken();
  return {
    origin,
    facts: {
      url: `http://${origin.address.text}`,
      edgeKey: readEdgeKeys(dataDir)[0] ?? "",
      hosts: formatHostTable(config.hosts),
      setupToken,
    },
    close: () => origin.close(),
  };
}
