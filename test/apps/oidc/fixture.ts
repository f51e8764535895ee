/** The origin's sign-in and Matrix hosts in this process, on real SQLite files, as apps and browsers see them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { AppContext } from "../../../origin/app.ts";
import { createMatrixApp } from "../../../origin/apps/matrix/matrix.ts";
import { createOidcApp } from "../../../origin/apps/oidc/oidc.ts";
import { configFile, readConfig } from "../../../origin/config/read-config.ts";
import { createSecrets, openSecrets, writeClientSecret } from "../../../origin/config/secrets.ts";
import type { Gate } from "../../../origin/gate/gate.ts";
import { createGuessLimits } from "../../../origin/gate/guess-limits/create-guess-limits.ts";
import { throttleMigrations } from "../../../origin/gate/guess-limits/migrations.ts";
import type { Identity } from "../../../origin/gate/identity.ts";
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
  /** Somebody's browser with its own cookies; `signIn` is all that there is of a sign-in here. */
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
  signIn(name: string): void;
  signOut(): void;
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
    let signedIn: { memberId: number; sessionId: number } | undefined;

    function cookiesFor(url: URL): string {
      const all = [...(jar.get(url.hostname) ?? new Map<string, { value: string; path: string }>())];
      const own = all.filter(
        ([, { path }]) => url.pathname === path || url.pathname.startsWith(path === "/" ? "/" : `${path}/`),
      );
      const pairs = own.map(([name, { value }]) => `${name}=${value}`);
      if (signedIn && url.hostname === "id.example.org")
        pairs.push(`stand-in=${signedIn.memberId}.${signedIn.sessionId}`);
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
      signIn(name) {
        const member = server.members.find(name);
        if (!member) throw new Error(`There is no ${name}.`);
        signedIn = { memberId: member.id, sessionId: server.begin(member.id) };
      },
      signOut() {
        if (signedIn) server.end(signedIn.sessionId);
        signedIn = undefined;
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
  });
  const guesses = createGuessLimits({
    database: open("throttle", throttleMigrations),
    nameOf: (memberId) => members.get(memberId)?.name,
    now,
    limited: true,
    log,
  });
  const sessions = new Map<number, { memberId: number; at: number }>();
  const context: AppContext = {
    config,
    log,
    members,
    gate: standInGate(members, sessions),
    guesses,
    alerts: { raise() {}, clear() {} },
    blobs: openBlobStore(join(folder, "blobs")),
    outbound: { fetch: () => Promise.reject(new OutboundError("unreachable")) },
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
    dispatch: createDispatch({ hosts: config.hosts, apps: [matrix, oidc], log }),
    begin(memberId: number): number {
      const id = sessions.size + 1;
      sessions.set(id, { memberId, at: now() });
      return id;
    },
    end: (sessionId: number) => void sessions.delete(sessionId),
    async stop() {
      await oidc.close?.();
      await matrix.close?.();
      await guesses.close();
      members.close();
      for (const database of databases.toReversed()) await database.close();
    },
  };
}

/** Until the sign-in host has sessions of its own: a cookie that says who it is. */
function standInGate(members: Members, sessions: Map<number, { memberId: number; at: number }>): Gate {
  const identify: Gate["identify"] = (_context, request) => {
    const [, id] = /stand-in=\d+\.(\d+)/.exec(request.headers.get("cookie") ?? "") ?? [];
    const session = sessions.get(Number(id));
    const member = session && members.get(session.memberId);
    if (!session || !member || member.state === "deactivated") return Promise.resolve(undefined);
    const { name, role, id: memberId } = member;
    const via = "session" as const;
    const identity: Identity = {
      memberId,
      name,
      role,
      via,
      scopes: "all",
      sessionId: Number(id),
      authenticatedAt: session.at,
    };
    return Promise.resolve(identity);
  };
  return {
    identify,
    requireSession: async (context, request) =>
      (await identify(context, request)) ??
      new Response(null, {
        status: 303,
        headers: { location: `/sign-in?next=${encodeURIComponent(new URL(request.url).pathname)}` },
      }),
  };
}
