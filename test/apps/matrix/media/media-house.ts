import { writeFileSync } from "node:fs";
import { join } from "node:path";

import type { MatrixApp } from "../../../../origin/apps/matrix/matrix.ts";
import { makeDataFolder } from "../../../../origin/config/data-folder.ts";
import { createSecrets } from "../../../../origin/config/secrets.ts";
import { databaseFolder } from "../../../../origin/storage/databases.ts";
import { chooseDriver } from "../../../../origin/storage/open-driver.ts";
import { memberPassword, ownerPassword } from "../../../members/open-members.ts";
import { type Answer, createSignedClient, type SignedClient } from "../../../support/signed-client.ts";
import { startTestOrigin, type TestOrigin } from "../../../support/test-origin.ts";

export interface MediaRequest {
  readonly token?: string | undefined;
  readonly body?: unknown;
  readonly chunked?: boolean;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** A whole origin with two members, ada and ben, and its media asked for over real sockets. */
export interface MediaHouse {
  readonly dataDir: string;
  /** Access tokens. */
  readonly ada: string;
  readonly ben: string;
  readonly home: TestOrigin;
  readonly matrix: MatrixApp["matrix"];
  readonly log: readonly string[];
  /** By ada, unless another token is given, or undefined for none. */
  ask(method: string, path: string, request?: MediaRequest): Promise<Answer>;
  /** The same over a connection of its own, for a body that never ends: it is cut once there is an answer. */
  askAlone(method: string, path: string, request?: MediaRequest): Promise<Answer>;
  /** Uploads as ada and returns the media id. */
  upload(body: string | Uint8Array, type?: string, name?: string, token?: string): Promise<string>;
  /** Below /_matrix/client/v1/media. */
  download(id: string, headers?: Record<string, string>): Promise<Answer>;
  /** Rows of the Matrix database. */
  rows<Row>(sql: string): Row[];
  restart(): Promise<void>;
  close(): Promise<void>;
}

export const serverName = "burrow.localhost";

/** In a folder of its own, made where it is missing. `settings` are those of `[matrix]`. */
export async function openMediaHouse(dataDir: string, matrixSettings = ""): Promise<MediaHouse> {
  makeDataFolder(dataDir);
  const settings = `mode = "development"\nserver_name = "${serverName}"\n[matrix]\n${matrixSettings}\n`;
  writeFileSync(join(dataDir, "burrow.toml"), settings);
  createSecrets(dataDir);
  const log: string[] = [];
  const start = () => startTestOrigin({ dataDir, write: (line) => void log.push(line) });
  let home = await start();
  let client = connect(home);
  const { members } = home.origin;
  await members.createOwner({ name: "ada", password: ownerPassword });
  const invite = await members.createInvite({ name: "", uses: 1, expiresInMs: 60_000, createdBy: null });
  await members.register({ name: "ben", password: memberPassword, inviteToken: invite.token });
  const sessionOf = async (name: string): Promise<string> => {
    const opened = await members.openSession(members.find(name)?.id ?? 0, { address: "192.0.2.1" });
    return opened.accessToken;
  };
  const [ada, ben] = [await sessionOf("ada"), await sessionOf("ben")];

  const house: MediaHouse = {
    dataDir,
    ada,
    ben,
    log,
    get home() {
      return home;
    },
    get matrix() {
      return (home.origin.apps.find((app) => app.name === "matrix") as MatrixApp).matrix;
    },
    ask: (method, path, request = {}) => client.request({ method, path, token: ada, ...request }),
    async askAlone(method, path, request = {}) {
      const alone = connect(home);
      try {
        return await alone.request({ method, path, token: ada, ...request });
      } finally {
        alone.close();
      }
    },
    async upload(body, type = "application/octet-stream", name, token = ada) {
      const query = name === undefined ? "" : `?filename=${encodeURIComponent(name)}`;
      const headers = { "content-type": type };
      const answer = await house.ask("POST", `/_matrix/media/v3/upload${query}`, { token, body, headers });
      if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
      return idOf(answer.json<{ content_uri: string }>().content_uri);
    },
    download: (id, headers = {}) =>
      house.ask("GET", `/_matrix/client/v1/media/download/${serverName}/${id}`, { headers }),
    rows<Row>(sql: string) {
      const database = chooseDriver()(join(databaseFolder(dataDir), "matrix.db"));
      try {
        return database.prepare<Row>(sql).all();
      } finally {
        database.close();
      }
    },
    async restart() {
      client.close();
      await home.close();
      home = await start();
      client = connect(home);
    },
    async close() {
      client.close();
      await home.close();
    },
  };
  return house;
}

const connect = (home: TestOrigin): SignedClient =>
  createSignedClient({ origin: home.facts.url, edgeKey: home.facts.edgeKey, host: serverName });

/** The media id of an `mxc://` of this server. */
export function idOf(mxc: string): string {
  const start = `mxc://${serverName}/`;
  if (!mxc.startsWith(start)) throw new Error(`not of this server: ${mxc}`);
  return mxc.slice(start.length);
}
