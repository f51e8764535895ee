/** The origin's sign-in and Matrix hosts in this process, on real SQLite files, as apps and browsers see them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { AppContext } from "../../../origin/app.ts";
import { createIdApp } from "../../../origin/apps/id/id.ts";
import { createMatrixApp } from "../../../origin/apps/matrix/matrix.ts";
import { createOidcApp } from "../../../origin/apps/oidc/oidc.ts";
import { configFile, readConfig } from "../../../origin/config/read-config.ts";
import { createSecrets, openSecrets, writeClientSecret } from "../../../origin/config/secrets.ts";
import { createGate } from "../../../origin/gate/create-gate.ts";
import { createGuessLimits } from "../../../origin/gate/guess-limits/create-guess-limits.ts";
import { throttleMigrations } from "../../../origin/gate/guess-limits/migrations.ts";
import { createLog } from "../../../origin/host/log.ts";
import { OutboundError } from "../../../origin/host/outbound/outbound-error.ts";
import { createDispatch } from "../../../origin/http/dispatch.ts";
import type { RequestContext } from "../../../origin/http/request-context.ts";
import { createMembers } from "../../../origin/members/create-members.ts";
import { createKdf } from "../../../origin/members/kdf.ts";
import type { Members } from "../../../origin/members/members.ts";
import { membersMigrations } from "../../../origin/members/migrations.ts";
import { openBlobStore } from "../../../origin/storage/blobs.ts";
import { type Database, type Migration, openDatabase } from "../../../origin/storage/database.ts";
import { chooseDriver } from "../../../origin/storage/open-driver.ts";
import { heldKeys } from "../../members/open-members.ts";

export const password = "violet anchor ninety canoes";
export const issuer = "https://id.example.org";
export const redirectUri = "https://photos.example.org/callback";
export const clientSecret = "an-app-proves-itself-with-these-words";

const settings = `
server_name = "example.org"

[matrix.rate_limits]
enabled = false

[[oidc_client]]
id = "photos"
name = "Photos"
redirect_uris = ["${redirectUri}"]
groups = { editors = ["ben"] }

[[oidc_client]]
id = "notes"
name = "Notes"
redirect_uris = ["https://notes.example.org/"]
token_endpoint_auth_method = "none"
id_token_signed_response_alg = "ES256"
who = ["ada"]
`;

export interface OidcFixture {
  readonly members: Members;
  readonly folder: string;
  /** What an app or a Matrix client sends, without cookies. */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /** Somebody's browser with its own cookies. */
  browser(): Browser;
  invite(): Promise<string>;
  /** The lines of the log. */
  readonly log: readonly string[];
  /** The verdict that the last answer carried to the edge. */
  readonly guess: () => RequestContext["guess"];
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface Browser {
  signIn(name: string): Promise<void>;
  signOut(): Promise<void>;
  open(url: string, init?: { form?: Record<string, string>; origin?: string }): Promise<Visit>;
  /** Opens, and follows redirects on our own hosts until there is a page, or one to elsewhere. */
  follow(url: string, init?: { form?: Record<string, string> }): Promise<Visit>;
}

export interface Visit {
  readonly status: number;
  readonly url: string;
  readonly text: string;
  readonly headers: Headers;
  /** Where it leads outside of this server. */
  readonly elsewhere: URL | undefined;
}

export async function createOidcFixture(): Promise<OidcFixture> {
  const folder = await mkdtemp(join(tmpdir(), "burrow-oidc-"));
  mkdirSync(folder, { recursive: true });
  writeFileSync(configFile(folder), settings);
  createSecrets(folder);
  writeClientSecret(folder, "photos", clientSecret);
  const log: string[] = [];
  let guess: RequestContext["guess"] = "none";
  let server = startServer(folder, log);

  async function send(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const context: RequestContext = {
      client: { host: url.hostname, scheme: "https", address: "192.0.2.7", ray: "", country: "" },
      guess: "none",
    };
    const env = { context, incoming: undefined, outgoing: undefined } as never;
    const response = await server.dispatch(request, env);
    guess = context.guess;
    return response;
  }

  function browser(): Browser {
    const jar = new Map<string, Map<string, { value: string; path: string }>>();

    function cookiesFor(url: URL): string {
      const all = [...(jar.get(url.hostname) ?? new Map<string, { value: string; path: string }>())];
      const own = all.filter(
        ([, { path }]) => url.pathname === path || url.pathname.startsWith(path === "/" ? "/" : `${path}/`),
      );
      const pairs = own.map(([name, { value }]) => `${name}=${value}`);
      return pairs.join("; ");
    }

    function keep(url: URL, cookies: readonly string[]): void {
      const own = jar.get(url.hostname) ?? new Map<string, { value: string; path: string }>();
      jar.set(url.hostname, own);
      for (const cookie of cookies) {
        const [pair = "", ...attributes] = cookie.split(/;\s*/);
        const [name = "", value = ""] = pair.split(/=(.*)/s);
        const path = attributes.find((text) => /^path=/i.test(text))?.slice(5) ?? "/";
        if (value === "" || attributes.some((text) => /^expires=Thu, 01 Jan 1970/i.test(text)))
          own.delete(name);
        else own.set(name, { value, path });
      }
    }

    const open: Browser["open"] = async (address, { form, origin = issuer } = {}) => {
      const url = new URL(address, issuer);
      const response = await send(
        new Request(url, {
          method: form ? "POST" : "GET",
          headers: {
            accept: "text/html",
            cookie: cookiesFor(url),
            ...(form && { origin, "content-type": "application/x-www-form-urlencoded" }),
          },
          body: form ? new URLSearchParams(form).toString() : null,
        }),
      );
      keep(url, response.headers.getSetCookie());
      const location = response.headers.get("location");
      const to = location === null ? undefined : new URL(location, url);
      const isOurs = to?.hostname === "example.org" || to?.hostname === "id.example.org";
      return {
        status: response.status,
        url: url.href,
        text: await response.text(),
        headers: response.headers,
        elsewhere: to && !isOurs ? to : undefined,
      };
    };

    return {
      open,
      async signIn(name) {
        const reply = await open("/sign-in", { form: { name, password, next: "/" } });
        if (reply.status !== 303) throw new Error(`${reply.status} ${reply.text}`);
      },
      async signOut() {
        const reply = await open("/sign-out", { form: {} });
        if (reply.status >= 400) throw new Error(`${reply.status} ${reply.text}`);
      },
      async follow(address, init) {
        let visit = await open(address, init);
        for (let hops = 0; hops < 10 && visit.elsewhere === undefined; hops += 1) {
          const refresh = visit.headers.get("refresh")?.replace(/^0; url=/, "");
          const next = visit.headers.get("location") ?? refresh;
          if (next === undefined || next === null || new URL(next, issuer).pathname === "/sign-in") break;
          // oxlint-disable-next-line no-await-in-loop -- one hop after the other
          visit = await open(new URL(next, visit.url).href);
        }
        return visit;
      },
    };
  }

  return {
    get members() {
      return server.members;
    },
    folder,
    log,
    guess: () => guess,
    fetch: (input, init) => send(new Request(input, init)),
    browser,
    async invite() {
      const expiresInMs = 3_600_000;
      return (await server.members.createInvite({ name: "t", uses: 1, expiresInMs, createdBy: null })).token;
    },
    async restart() {
      await server.stop();
      server = startServer(folder, log);
    },
    async close() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Makes ada, who owns the server, and ben. */
export async function settle(fixture: OidcFixture): Promise<void> {
  await fixture.members.createOwner({ name: "ada", password });
  await fixture.members.register({ name: "ben", password, inviteToken: await fixture.invite() });
}

function startServer(folder: string, lines: string[]) {
  const now = (): number => Date.now();
  const log = createLog({ level: "warn", now, write: (line) => void lines.push(line) });
  const config = readConfig({ dataDir: folder, environment: {} });
  const secrets = openSecrets(config, log);
  const databases: Database[] = [];
  const open = (name: string, migrations: readonly Migration[]): Database => {
    const file = join(folder, `${name}.db`);
    const database = openDatabase({ name, file, migrations, open: chooseDriver() });
    databases.push(database);
    return database;
  };
  const members = createMembers({
    database: open("members", membersMigrations),
    now,
    serverName: config.serverName,
    kdf: createKdf({ memory: 8, passes: 1 }),
    sealingKeys: heldKeys(),
  });
  const guesses = createGuessLimits({
    database: open("throttle", throttleMigrations),
    nameOf: (memberId) => members.get(memberId)?.name,
    now,
    limited: true,
    log,
  });
  const signInHost = "id.example.org";
  const built = createGate({ members, guesses, serverName: config.serverName, signInHost, now });
  const context: AppContext = {
    config,
    log,
    members,
    gate: built.gate,
    guesses,
    honeypot: undefined,
    alerts: { raise() {}, clear() {} },
    blobs: openBlobStore(join(folder, "blobs")),
    outbound: {
      fetch: () => Promise.reject(new OutboundError("unreachable")),
      connect: () => Promise.reject(new OutboundError("unreachable")),
    },
    now,
    openDatabase: open,
  };
  const matrix = createMatrixApp(context);
  const oidc = createOidcApp(context, {
    clientSecret: (id) => secrets.oidcClient(id),
    openMatrixSession: (member, device) => matrix.openDevice(member, { ...device, refreshable: true }),
  });
  return {
    members,
    dispatch: createDispatch({
      hosts: config.hosts,
      apps: [
        createIdApp(context, {
          handOffs: built.handOffs,
          panic: { clear: () => Promise.resolve(), latched: () => ({ level: "none", since: 0 }) },
          throttles: guesses,
          lastSignOfLife: () => undefined,
        }),
        matrix,
        oidc,
      ],
      gateRoutes: built.routes,
      log,
    }),
    async stop() {
      await oidc.close?.();
      await matrix.close?.();
      await guesses.close();
      members.close();
      for (const database of databases.toReversed()) await database.close();
    },
  };
}
