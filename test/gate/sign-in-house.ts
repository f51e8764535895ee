import type { TestContext } from "node:test";
import { Hono } from "hono";
import type { App, AppContext } from "../../origin/app.ts";
import { createIdApp } from "../../origin/apps/id/id.ts";
import { createGate } from "../../origin/gate/create-gate.ts";
import { openPanicDatabase } from "../../origin/gate/panic/panic-database.ts";
import { createPanicLatch, type PanicLatch } from "../../origin/gate/panic/panic-latch.ts";
import { createLog } from "../../origin/host/log.ts";
import { createDispatch } from "../../origin/http/dispatch.ts";
import type { HttpEnv, RequestContext } from "../../origin/http/request-context.ts";
import { type Household, memberPassword, openHousehold, ownerPassword } from "../members/open-members.ts";
import { openGuesses } from "./guess-limits/open-guesses.ts";

export const idHost = "id.example.org";
export const filesHost = "files.example.org";
export const mailHost = "mail.example.org";

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly context: RequestContext;
}

/** Asks one host of the house, with whatever headers. */
export type Ask = (
  host: string,
  path: string,
  init?: RequestInit & { readonly address?: string },
) => Promise<Reply>;

/** The sign-in host and two app hosts, over real members, behind the real dispatch. */
export interface SignInHouse extends Household {
  readonly benId: number;
  readonly ownerId: number;
  readonly ask: Ask;
  readonly openBrowser: () => Browser;
  readonly panic: PanicLatch;
  readonly logLines: readonly string[];
}

export async function openSignInHouse(
  t: TestContext,
  seen: { honeypot?: AppContext["honeypot"]; signOfLife?: number } = {},
): Promise<SignInHouse> {
  const { honeypot, signOfLife } = seen;
  const household = await openHousehold(t);
  const { members, clock } = household;
  const now = (): number => clock.now;
  const guesses = openGuesses(household.folder, now, (id) => members.get(id)?.name);
  t.after(() => guesses.close());
  const hosts = new Map([
    ["example.org", "apex"],
    [idHost, "id"],
    [filesHost, "files"],
    [mailHost, "mail"],
  ]);
  const serverName = "example.org";
  const built = createGate({ members, guesses, serverName, signInHost: idHost, now });
  const { gate, handOffs } = built;
  const config = { serverName, hosts, publicUrl: "https://example.org", apps: [] };
  const logLines: string[] = [];
  const log = createLog({ level: "warn", now, write: (line) => void logLines.push(line) });
  const context = { config, log, members, guesses, gate, now, honeypot } as unknown as AppContext;
  const panicDatabase = openPanicDatabase(household.folder);
  const panic = createPanicLatch(panicDatabase, now);
  t.after(() => panicDatabase.close());

  const memberApp = (name: string): App => {
    const routes = new Hono<HttpEnv>();
    routes.all("/open", async (c) =>
      c.json(
        (await gate.identify(c.env.context, c.req.raw, { basic: true, bearer: true })) ?? { nobody: true },
      ),
    );
    routes.all("*", async (c) => {
      const who = await gate.requireSession(c.env.context, c.req.raw);
      return who instanceof Response ? who : c.json({ ...who, path: c.req.path });
    });
    return { name, host: name, routes, backup: { databases: [], blobs: [] } };
  };
  const dispatch = createDispatch({
    hosts,
    apps: [
      createIdApp(context, { handOffs, panic, throttles: guesses, lastSignOfLife: () => signOfLife }),
      memberApp("files"),
      memberApp("mail"),
    ],
    gateRoutes: built.routes,
    log,
  });
  const owner = await members.createOwner({ name: "ada", password: ownerPassword });
  const ben = await members.createAccount({ name: "ben", password: memberPassword });

  const ask: Ask = async (host, path, { address = "192.0.2.1", ...init } = {}) => {
    const client = { host, scheme: "https", address, ray: "", country: "" } as const;
    const requestContext: RequestContext = { client, guess: "none" };
    const request = new Request(`https://${host}${path}`, { redirect: "manual", ...init });
    const response = await dispatch(request, { context: requestContext } as unknown as HttpEnv["Bindings"]);
    const { status, headers } = response;
    if (status >= 500 && status !== 503) throw new Error(logLines.at(-1));
    return { status, headers, text: await response.text(), context: requestContext };
  };
  return {
    ...household,
    ownerId: owner.id,
    benId: ben.id,
    ask,
    logLines,
    panic,
    openBrowser: () => createBrowser(ask),
  };
}

export interface Browser {
  /** Of each host, by name, as the server set them. */
  readonly cookies: Map<string, Map<string, string>>;
  /** One request with this host's cookies; keeps those that are set. */
  readonly send: (host: string, path: string, init?: RequestInit) => Promise<Reply>;
  /** A form of the page of this very host. */
  readonly post: (
    host: string,
    path: string,
    fields?: Record<string, string>,
    headers?: Record<string, string>,
  ) => Promise<Reply>;
  /** A navigation, with all redirects that it leads to; where it ended. */
  readonly open: (host: string, path: string) => Promise<Reply & { readonly at: string }>;
  readonly signIn: (name?: string, password?: string, next?: string) => Promise<Reply>;
}

const navigation = { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };

/** What of a browser matters here: cookies that are kept by host, and redirects. */
function createBrowser(ask: Ask): Browser {
  const cookies: Browser["cookies"] = new Map();

  const send: Browser["send"] = async (host, path, init = {}) => {
    const jar = cookies.get(host) ?? new Map<string, string>();
    cookies.set(host, jar);
    const headers = new Headers(init.headers);
    headers.set("user-agent", "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0");
    if (jar.size > 0 && !headers.has("cookie"))
      headers.set("cookie", [...jar].map(([name, value]) => `${name}=${value}`).join("; "));
    const reply = await ask(host, path, { ...init, headers });
    for (const field of reply.headers.getSetCookie()) {
      const [, name = "", value = "", rest = ""] = /^([^=]+)=([^;]*);(.*)$/.exec(field) ?? [];
      if (/Max-Age=0\b/.test(rest)) jar.delete(name);
      else jar.set(name, value);
    }
    return reply;
  };

  const post: Browser["post"] = (host, path, fields = {}, headers = {}) =>
    send(host, path, {
      method: "POST",
      body: new URLSearchParams(fields),
      headers: { origin: `https://${host}`, "sec-fetch-site": "same-origin", ...headers },
    });

  const open: Browser["open"] = async (host, path) => {
    let [atHost, atPath] = [host, path];
    for (let hop = 0; hop < 10; hop += 1) {
      const reply = await send(atHost, atPath, { headers: navigation });
      const location = reply.headers.get("location");
      if (location === null) return { ...reply, at: `https://${atHost}${atPath}` };
      const url = new URL(location, `https://${atHost}${atPath}`);
      [atHost, atPath] = [url.host, `${url.pathname}${url.search}`];
    }
    throw new Error(`Redirected for ever, at last to ${atHost}${atPath}.`);
  };

  return {
    cookies,
    send,
    post,
    open,
    signIn: (name = "ben", password = memberPassword, next = "/") =>
      post(idHost, "/sign-in", { name, password, next }),
  };
}
