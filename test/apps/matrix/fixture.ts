import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGate } from "../../../origin/gate/create-gate.ts";
import { createMatrixApp } from "../../../origin/apps/matrix/matrix.ts";
import { type MatrixContext, userIdOf } from "../../../origin/apps/matrix/matrix-context.ts";
import type { Config } from "../../../origin/config/config.ts";
import { readConfig } from "../../../origin/config/read-config.ts";
import type { Alert } from "../../../origin/host/alerts/alert.ts";
import { createGuessLimits } from "../../../origin/gate/guess-limits/create-guess-limits.ts";
import { throttleMigrations } from "../../../origin/gate/guess-limits/migrations.ts";
import { createLog } from "../../../origin/host/log.ts";
import type { Outbound } from "../../../origin/host/outbound/outbound.ts";
import { OutboundError } from "../../../origin/host/outbound/outbound-error.ts";
import type { RequestContext } from "../../../origin/http/request-context.ts";
import { createMembers } from "../../../origin/members/create-members.ts";
import { createKdf } from "../../../origin/members/kdf.ts";
import type { Members } from "../../../origin/members/members.ts";
import { membersMigrations } from "../../../origin/members/migrations.ts";
import { openBlobStore } from "../../../origin/storage/blobs.ts";
import { openDatabase, type Database, type Migration } from "../../../origin/storage/database.ts";
import { chooseDriver } from "../../../origin/storage/open-driver.ts";
import { heldKeys } from "../../members/open-members.ts";

/** The password of everyone that the fixture registers. */
export const password = "violet anchor ninety canoes";

/** A signed-in device of somebody. */
export interface User {
  readonly name: string;
  readonly userId: string;
  readonly memberId: number;
  readonly deviceId: string;
  readonly token: string;
}

export interface Reply {
  readonly status: number;
  /** The body, parsed where it is JSON; undefined when it is empty. */
  // oxlint-disable-next-line typescript/no-explicit-any -- the server's word is what a test checks, not what it assumes
  readonly body: any;
  readonly headers: Headers;
  /** What the reply proof would say of the attempt. */
  readonly guess: RequestContext["guess"];
}

export interface RequestOptions {
  readonly token?: string;
  /** A value is sent as JSON, a string as it is. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly address?: string;
  readonly signal?: AbortSignal;
}

/** The Matrix app in this process on real SQLite files, without the edge. */
export interface Fixture {
  readonly matrix: MatrixContext;
  readonly members: Members;
  /** As hono has them registered. */
  readonly routes: readonly { readonly method: string; readonly path: string }[];
  /** Stands still until it is moved. */
  readonly clock: { now: number };
  /** `path` from the root, with its query; `/v3/…` and `/v1/…` mean the client API. */
  request(method: string, path: string, options?: RequestOptions): Promise<Reply>;
  /** Registers somebody new, or signs somebody known in on another device. The first one is the owner. */
  user(name: string, options?: { deviceId?: string }): Promise<User>;
  /** A fresh invite token. */
  invite(uses?: number): Promise<string>;
  /** Stops everything and starts it again on the same files. */
  restart(): Promise<void>;
  /** The same, and in between something happens to the members without the app's knowing. */
  whileMatrixIsDown(happens: (members: Members) => Promise<unknown>): Promise<void>;
  /** The owner's alerts that are open, by id. */
  readonly alerts: ReadonlyMap<string, Alert>;
  /** The lines of the log: an unexpected error shows here. */
  readonly log: readonly string[];
  close(): Promise<void>;
}

/** Settings that a test wants otherwise, as the environment says them. */
export interface FixtureSettings {
  readonly defaultRoomVersion?: string;
  readonly roomDirectory?: string;
  /** Rates a minute by name, such as `messages`; without any there are no limits. */
  readonly rateLimits?: Readonly<Record<string, number>>;
  readonly maxUploadSize?: number;
  /** Where requests to others go; nothing can be reached without it. */
  readonly outbound?: Pick<Outbound, "fetch">;
  /** Further ones, by their variables: `BURROW_MATRIX_PRESENCE`. */
  readonly environment?: Readonly<Record<string, string>>;
}

const nowhere: Pick<Outbound, "fetch"> = {
  fetch: () => Promise.reject(new OutboundError("unreachable")),
};

/** Call `close` in `after`. */
export async function createFixture(overrides: FixtureSettings = {}): Promise<Fixture> {
  const folder = await mkdtemp(join(tmpdir(), "burrow-matrix-"));
  const clock = { now: 1_700_000_000_000 };
  const log: string[] = [];
  const alerts = new Map<string, Alert>();
  const config = makeConfig(folder, overrides);
  const { outbound = nowhere } = overrides;
  let server = startServer({ folder, config, clock, log, alerts, outbound });

  async function invite(uses = 1): Promise<string> {
    await claim(server.members);
    const expiresInMs = 24 * 60 * 60 * 1000;
    return (await server.members.createInvite({ name: "test", uses, expiresInMs, createdBy: null })).token;
  }

  const fixture: Fixture = {
    get matrix() {
      return server.app.matrix;
    },
    get members() {
      return server.members;
    },
    get routes() {
      return server.app.routes.routes;
    },
    clock,
    log,
    alerts,
    invite,
    async request(method, path, options = {}) {
      const url = `http://burrow.localhost${/^\/v\d/.test(path) ? `/_matrix/client${path}` : path}`;
      const context: RequestContext = {
        client: {
          host: "burrow.localhost",
          scheme: "https",
          address: options.address ?? "192.0.2.1",
          ray: "",
          country: "",
        },
        guess: "none",
      };
      const text = typeof options.body === "string" ? options.body : JSON.stringify(options.body);
      const request = new Request(url, {
        method,
        headers: {
          ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
          ...options.headers,
        },
        body: text ?? null,
        signal: options.signal ?? null,
      });
      const response = await server.app.routes.fetch(request, { context });
      const answer = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: answer === "" ? undefined : isJson(response) ? JSON.parse(answer) : answer,
        guess: context.guess,
      };
    },
    async user(name, options = {}) {
      const { members } = server;
      await claim(members);
      const member =
        members.find(name) ?? (await members.register({ name, password, inviteToken: await invite() }));
      const opened = await members.openSession(member.id, { ...options, address: "192.0.2.1" });
      return {
        name,
        userId: userIdOf(server.app.matrix, name),
        memberId: member.id,
        deviceId: opened.deviceId,
        token: opened.accessToken,
      };
    },
    async restart() {
      await server.stop();
      server = startServer({ folder, config, clock, log, alerts, outbound });
    },
    async whileMatrixIsDown(happens) {
      await server.app.close?.();
      await happens(server.members);
      await fixture.restart();
    },
    async close() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return fixture;
}

const isJson = (response: Response): boolean => response.headers.get("content-type") === "application/json";

/** The owner's name in the fixture; everyone else is a member. */
export const ownerName = "keeper";

async function claim(members: Members): Promise<void> {
  if (!members.claimed()) await members.createOwner({ name: ownerName, password });
}

function startServer(parts: {
  folder: string;
  config: Config;
  clock: { now: number };
  log: string[];
  alerts: Map<string, Alert>;
  outbound: Pick<Outbound, "fetch">;
}) {
  const { folder, config, clock, log: lines, alerts, outbound } = parts;
  const now = (): number => clock.now;
  const databases: Database[] = [];
  const open = (name: string, migrations: readonly Migration[]): Database => {
    const database = openDatabase({
      name,
      file: join(folder, `${name}.db`),
      migrations,
      open: chooseDriver(),
    });
    databases.push(database);
    return database;
  };
  const members = createMembers({
    database: open("members", membersMigrations),
    now,
    serverName: config.serverName,
    // A password's strength is not what these tests are about: the cheapest that works.
    kdf: createKdf({ memory: 8, passes: 1 }),
    sealingKeys: heldKeys(),
  });
  const log = createLog({ level: "warn", now, write: (line) => void lines.push(line) });
  const guesses = createGuessLimits({
    database: open("throttle", throttleMigrations),
    nameOf: (memberId) => members.get(memberId)?.name,
    now,
    limited: true,
    log,
  });
  const app = createMatrixApp({
    config,
    log,
    members,
    gate: createGate({ members, guesses, serverName: config.serverName, signInHost: "id.example.org", now })
      .gate,
    guesses,
    honeypot: undefined,
    alerts: {
      raise: (alert) => void alerts.set(alert.id, alert),
      clear: (id) => void alerts.delete(id),
    },
    blobs: openBlobStore(join(folder, "blobs")),
    outbound: { connect: () => Promise.reject(new OutboundError("unreachable")), ...outbound },
    now,
    openDatabase: open,
  });
  return {
    members,
    app,
    async stop() {
      await app.close?.();
      await guesses.close();
      members.close();
      for (const database of databases.toReversed()) await database.close();
    },
  };
}

function makeConfig(folder: string, overrides: FixtureSettings): Config {
  return readConfig({
    dataDir: folder,
    environment: {
      BURROW_MODE: "development",
      BURROW_SERVER_NAME: "burrow.localhost",
      BURROW_MATRIX_DEFAULT_ROOM_VERSION: overrides.defaultRoomVersion ?? "11",
      BURROW_MATRIX_MAX_UPLOAD_SIZE: String(overrides.maxUploadSize ?? 99_000_000),
      BURROW_MATRIX_ROOM_DIRECTORY: overrides.roomDirectory ?? "closed",
      BURROW_MATRIX_RATE_LIMITS_ENABLED: String(overrides.rateLimits !== undefined),
      ...Object.fromEntries(
        Object.entries(overrides.rateLimits ?? {}).map(([name, rate]) => [
          `BURROW_MATRIX_RATE_LIMITS_${name.toUpperCase()}`,
          String(rate),
        ]),
      ),
      ...overrides.environment,
    },
    overrides: { publicUrl: "http://burrow.localhost" },
  });
}
