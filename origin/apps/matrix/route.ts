import { Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { throttled } from "../../../shared/throttled.ts";
import type { Gate } from "../../gate/gate.ts";
import { mayUse } from "../../gate/keys/identify-by-key.ts";
import { readBody } from "../../http/read-body.ts";
import { createRefusedWrites, type RefusedWrite } from "../../http/refused-write.ts";
import type { HttpEnv, RequestContext } from "../../http/request-context.ts";
import { ThrottledError } from "../../http/throttled-error.ts";
import type { Log } from "../../host/log.ts";
import type { KeyScope } from "../../members/keys/key-scopes.ts";
import type { Members, Session } from "../../members/members.ts";
import { MembersError } from "../../members/members.ts";
import type { LimitName, Payer, RateLimits } from "../../members/rate-limits.ts";
import { maximumDepth } from "./events/canonical-json.ts";
import type { Json, JsonObject } from "./events/event.ts";
import { forbidden, MatrixError, tooLarge, unrecognised } from "./matrix-error.ts";

/** Who makes an authenticated request. */
export interface Requester {
  readonly userId: string;
  readonly deviceId: string;
  readonly memberId: number;
  /** Identifies the access token (no secret). */
  readonly tokenId: number;
  readonly name: string;
  readonly owner: boolean;
  /** May read, leave and take back own words, but not speak (specification §Account suspension). */
  readonly suspended: boolean;
  /** Signed in by the OAuth 2.0 API: the client never sees a password (specification §OAuth 2.0 API). */
  readonly byOAuth: boolean;
}

/** One request, as a handler sees it. */
export interface Call {
  readonly method: string;
  /** Path parameters, percent-decoded once. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly request: Request;
  readonly context: RequestContext;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** The body as a JSON object; M_NOT_JSON or M_BAD_JSON otherwise. An empty body is `{}` where `mayBeEmpty`. */
  json(options?: { mayBeEmpty?: boolean }): Promise<JsonObject>;
  /** Behind every access but `public`. */
  readonly requester: Requester;
  /** Takes so many more of a rate limit: what one request costs may only show in its body. Throws M_LIMIT_EXCEEDED. */
  spend(limit: LimitName, amount: number): void;
}

/** What a handler answers: a JSON object (status 200), or a Response of its own. */
export type Answer = object | Response;

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS";
  /** The specification's path; `:name` is a parameter. `/_matrix/client/v3/…` is served as `r0` too. */
  readonly path: string;
  /**
   * `member`: whoever is signed in; who is suspended may only GET. `reading`: a suspended member may do it whatever
   * the method. `leaving`: a locked one too (logout). `owner`: an owner of this server alone.
   */
  readonly access: "public" | "member" | "reading" | "leaving" | "owner";
  /** Of `owner`: the scopes of which an owner's API key needs one; without any, no key opens it. */
  readonly keyScopes?: readonly KeyScope[];
  /** Of which of the rate limits a request takes one. */
  readonly limit?: LimitName;
  readonly handle: (call: Call) => Promise<Answer> | Answer;
}

/** The largest JSON body, in bytes: a key upload of a large account, far above any event. */
const largestJson = 4 * 1024 * 1024;

/** Specification §Web browser clients. */
const corsHeaders: Readonly<Record<string, string>> = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
  "access-control-allow-headers": "X-Requested-With, Content-Type, Authorization",
};
const jsonHeaders: Readonly<Record<string, string>> = { ...corsHeaders, "content-type": "application/json" };
const closedHeaders: Readonly<Record<string, string>> = {
  "content-type": "application/json",
  "cache-control": "no-store",
};

/** Whether pages of other origins may use the path: the specification wants it of its own, and of no other. */
const isOpenToBrowsers = (path: string): boolean => /^\/(?:_matrix|\.well-known)\//.test(path);

/** What every route is built with. */
interface ServingParts extends RoutingParts {
  readonly refusedWrite: (error: unknown) => RefusedWrite | undefined;
}

export interface RoutingParts {
  readonly serverName: string;
  readonly members: Members;
  readonly gate: Gate;
  readonly limits: RateLimits;
  readonly log: Log;
  readonly now: () => number;
}

/**
 * Makes Hono routes of the table. What every operation shares is here and nowhere else: CORS, authentication,
 * JSON in and out, errors. Unknown paths are 404 M_UNRECOGNIZED, known ones with another method 405.
 */
export function buildRoutes(routes: readonly Route[], options: RoutingParts): Hono<HttpEnv> {
  const parts: ServingParts = { ...options, refusedWrite: createRefusedWrites(options.log) };
  const app = new Hono<HttpEnv>();
  const paths = new Set<string>();
  for (const route of routes) {
    for (const path of aliases(route.path)) {
      paths.add(path);
      app.on(route.method, path, (c) =>
        serve(route, parts, {
          request: c.req.raw,
          url: c.env.incoming?.url ?? c.req.url,
          params: c.req.param() as Record<string, string>,
          context: c.env.context,
        }),
      );
    }
  }
  app.options("/_matrix/*", () => new Response(null, { status: 204, headers: corsHeaders }));
  app.options("/.well-known/matrix/*", () => new Response(null, { status: 204, headers: corsHeaders }));
  for (const path of paths) {
    const headers = isOpenToBrowsers(path) ? jsonHeaders : closedHeaders;
    app.all(path, () =>
      errorResponse(new MatrixError(405, "M_UNRECOGNIZED", "This path does not take that method."), headers),
    );
  }
  const unknown = (): Response => errorResponse(unrecognised());
  app.all("/_matrix/*", unknown);
  app.all("/_matrix", unknown);
  app.all("/_burrow/admin/*", () => errorResponse(unrecognised(), closedHeaders));
  return app;
}

/** Clients of before v1.1 still say r0; a trailing slash is given where the table has one. */
function aliases(path: string): string[] {
  const v3 = "/_matrix/client/v3/";
  return path.startsWith(v3) ? [path, `/_matrix/client/r0/${path.slice(v3.length)}`] : [path];
}

interface Incoming {
  request: Request;
  url: string;
  params: Record<string, string>;
  context: RequestContext;
}

async function serve(route: Route, parts: ServingParts, incoming: Incoming): Promise<Response> {
  const open = isOpenToBrowsers(route.path);
  const headers = open ? jsonHeaders : closedHeaders;
  try {
    const byKey = route.access === "owner" ? await ownersKey(route, parts, incoming) : undefined;
    const answer = await route.handle(new IncomingCall(route, parts, incoming, byKey));
    if (answer instanceof Response) return open ? withCors(answer) : answer;
    return new Response(JSON.stringify(answer), { status: 200, headers });
  } catch (error) {
    return errorResponse(describeError(error, route, parts), headers);
  }
}

function describeError(error: unknown, route: Route, parts: ServingParts): MatrixError {
  if (error instanceof MatrixError) return error;
  if (error instanceof ThrottledError) {
    const { status, errcode, message, retryAfterMs } = throttled(error.retryAfterMs);
    return new MatrixError(status as ContentfulStatusCode, errcode, message, {
      retry_after_ms: retryAfterMs,
    });
  }
  if (error instanceof MembersError && error.code === "busy") return tooBusy(error.message);
  if (error instanceof MembersError && error.code === "locked") return lockedOut();
  if (error instanceof MembersError && error.code === "closed")
    return new MatrixError(503, "M_UNKNOWN", error.message);
  const refused = parts.refusedWrite(error);
  if (refused) return refusedWriteError(refused, route, parts);
  parts.log.error("matrix.request.failed", { route: route.path, method: route.method, error });
  return new MatrixError(500, "M_UNKNOWN", "Something went wrong here; it has been logged. Try again.");
}

/**
 * Specification §Other error codes: M_RESOURCE_LIMIT_EXCEEDED is the homeserver's own limit, disk space for one, and
 * names whom to ask: the owner, to those who have an account here.
 */
function refusedWriteError(refused: RefusedWrite, route: Route, parts: ServingParts): MatrixError {
  const { status, errcode, message, fault } = refused;
  const owner = parts.members.list().find((member) => member.role === "owner");
  if (fault !== "full" || route.access === "public" || !owner) {
    return new MatrixError(status as ContentfulStatusCode, errcode, message);
  }
  const contact = `https://matrix.to/#/@${owner.name}:${parts.serverName}`;
  return new MatrixError(507, "M_RESOURCE_LIMIT_EXCEEDED", message, { admin_contact: contact });
}

class IncomingCall implements Call {
  readonly method: string;
  readonly params: Readonly<Record<string, string>>;
  readonly request: Request;
  readonly context: RequestContext;
  readonly #requester: Requester | undefined;
  readonly #payer: Payer;
  readonly #limits: RateLimits;
  readonly #url: string;
  #query: URLSearchParams | undefined;

  constructor(route: Route, parts: RoutingParts, incoming: Incoming, byKey: Requester | undefined) {
    this.method = route.method;
    this.params = incoming.params;
    this.request = incoming.request;
    this.context = incoming.context;
    this.#url = incoming.url;
    this.#requester = route.access === "public" ? undefined : (byKey ?? authenticate(this, route, parts));
    this.#limits = parts.limits;
    this.#payer = this.#requester ?? { address: incoming.context.client.address };
    if (route.limit) this.spend(route.limit, 1);
  }

  get query(): URLSearchParams {
    const start = this.#url.indexOf("?");
    return (this.#query ??= new URLSearchParams(start < 0 ? "" : this.#url.slice(start + 1)));
  }

  get signal(): AbortSignal {
    return this.request.signal;
  }

  spend(limit: LimitName, amount: number): void {
    const wait = this.#limits.take(limit, this.#payer, amount);
    if (wait === 0) return;
    throw new MatrixError(429, "M_LIMIT_EXCEEDED", "That is too much at once. Try again in a moment.", {
      retry_after_ms: wait,
    });
  }

  get requester(): Requester {
    if (!this.#requester) throw new Error("This route is public: it has no requester.");
    return this.#requester;
  }

  async json(options: { mayBeEmpty?: boolean } = {}): Promise<JsonObject> {
    const text = await readText(this.request);
    if (text === "" && options.mayBeEmpty) return {};
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new MatrixError(400, "M_NOT_JSON", "The body is not valid JSON.");
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new MatrixError(400, "M_BAD_JSON", "The body must be a JSON object.");
    }
    // Deeper ones overflow the stack of what walks through them, JSON.stringify among it. A level takes two characters.
    if (text.length > 2 * maximumDepth && !nestsWithin(value as JsonObject, maximumDepth)) {
      throw new MatrixError(400, "M_BAD_JSON", `The body may nest at most ${maximumDepth} levels deep.`);
    }
    return value as JsonObject;
  }
}

/** The access token of the `Authorization` header, or undefined. */
export function bearerToken(request: Request): string | undefined {
  const header = request.headers.get("authorization");
  return header?.toLowerCase().startsWith("bearer ") ? header.slice(7).trim() : undefined;
}

/**
 * The session that the request's token stands for. Throws 401 or 403; a long-poll asks again before it answers, so
 * that a revocation holds for it too. A suspended member's is good: reading is what is left to them.
 */
export const sessionOf = (members: Members, request: Request): Session =>
  admit(members, request, "suspended").session;

/** How much may be wrong with an account that asks. */
type Allowed = "nothing" | "suspended" | "locked";

function admit(
  members: Members,
  request: Request,
  allowed: Allowed,
): { session: Session; suspended: boolean } {
  const token = bearerToken(request);
  if (!token) throw new MatrixError(401, "M_MISSING_TOKEN", "Sign in first: the access token is missing.");
  const found = members.authenticate(token);
  if (found.kind === "unknown") {
    throw new MatrixError(401, "M_UNKNOWN_TOKEN", "This access token is not valid any more. Sign in again.", {
      soft_logout: false,
    });
  }
  if (found.kind === "expired") {
    throw new MatrixError(401, "M_UNKNOWN_TOKEN", "This access token has expired. Refresh it.", {
      soft_logout: true,
    });
  }
  if (found.kind === "locked" && allowed !== "locked") throw lockedOut();
  if (found.kind === "suspended" && allowed === "nothing") throw suspendedFromThis();
  return { session: found.session, suspended: found.kind !== "ok" };
}

export const suspendedFromThis = (): MatrixError =>
  new MatrixError(
    403,
    "M_USER_SUSPENDED",
    "This account is suspended: it can read, and leave, but not write. Ask the owner of this server.",
  );

/** Specification §Account locking: the client keeps its session, and tries again later. */
export const lockedOut = (): MatrixError =>
  new MatrixError(401, "M_USER_LOCKED", "This account is locked. Ask the owner of this server.", {
    soft_logout: true,
  });

function authenticate(call: Call, route: Route, parts: RoutingParts): Requester {
  const { members, serverName } = parts;
  if (route.access === "owner") {
    const owner = ticketHolder(call, members);
    if (owner) return withoutDevice(owner, serverName);
  }
  const { session, suspended } = admit(members, call.request, allowedOn(route));
  const { name, deviceId, memberId, tokenId, role, oauthClient } = session;
  if (route.access === "owner" && role !== "owner") throw forbidden("This is for the owner of this server.");
  members.touch(session, call.context.client.address);
  return {
    userId: `@${name}:${serverName}`,
    deviceId,
    memberId,
    tokenId,
    name,
    owner: role === "owner",
    suspended,
    byOAuth: oauthClient !== null,
  };
}

/** Whoever asks with an API key; undefined where it is none. Throws where it is one that may not do this. */
async function ownersKey(
  route: Route,
  parts: RoutingParts,
  incoming: Incoming,
): Promise<Requester | undefined> {
  const identity = await parts.gate.identify(incoming.context, incoming.request, { bearer: true });
  if (identity?.via !== "api-key") return undefined;
  if (identity.role !== "owner") throw forbidden("This is for the owner of this server.");
  const { keyScopes = [] } = route;
  if (!keyScopes.some((scope) => mayUse(identity, scope))) {
    throw forbidden(
      keyScopes.length === 0
        ? "No API key can do this. Use the command line, or sign in."
        : `This API key cannot do this: it needs the scope ${keyScopes.join(" or ")}.`,
    );
  }
  return withoutDevice(identity, parts.serverName);
}

/** An owner who asks with something else than a device of theirs. */
function withoutDevice(
  { memberId, name }: { memberId: number; name: string },
  serverName: string,
): Requester {
  const userId = `@${name}:${serverName}`;
  return { memberId, name, userId, owner: true, suspended: false, byOAuth: false, deviceId: "", tokenId: 0 };
}

/** The command line, with a ticket that it wrote into the data folder: it speaks for the owner, and has no device. */
function ticketHolder(call: Call, members: Members) {
  const token = bearerToken(call.request);
  if (token === undefined || !members.ticketValid(token)) return undefined;
  const owner = members.list().find((member) => member.role === "owner");
  if (!owner) throw forbidden("Nobody owns this server yet. Run: burrow owner create NAME --password-stdin");
  return { memberId: owner.id, name: owner.name };
}

function allowedOn({ access, method }: Route): Allowed {
  if (access === "leaving") return "locked";
  // That an owner's operation is not for them is what a suspended member hears: no owner is ever suspended.
  return access === "reading" || access === "owner" || method === "GET" ? "suspended" : "nothing";
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

async function readText(request: Request): Promise<string> {
  const bytes = await readBody(request, largestJson);
  if (!bytes) throw tooLarge("The body is larger than 4 MiB.");
  try {
    return utf8.decode(bytes);
  } catch {
    // A replacement character in the place of what was sent would be another text, under the sender's name.
    throw new MatrixError(400, "M_NOT_JSON", "The body is not valid UTF-8.");
  }
}

/** Whether no value lies deeper than `levels` in others. */
function nestsWithin(value: Json, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((part) => nestsWithin(part, levels - 1));
}

export function errorResponse(error: MatrixError, headers = jsonHeaders): Response {
  const retryAfter = error.fields["retry_after_ms"];
  return new Response(JSON.stringify({ errcode: error.errcode, error: error.message, ...error.fields }), {
    status: error.status,
    headers:
      typeof retryAfter === "number"
        ? { ...headers, "retry-after": String(Math.ceil(retryAfter / 1000)) }
        : headers,
  });
}

export const tooBusy = (message: string): MatrixError =>
  new MatrixError(429, "M_LIMIT_EXCEEDED", message, { retry_after_ms: 2000 });

function withCors(response: Response): Response {
  // A route that takes other methods and headers says so itself.
  for (const [name, value] of Object.entries(corsHeaders)) {
    if (!response.headers.has(name)) response.headers.set(name, value);
  }
  return response;
}
