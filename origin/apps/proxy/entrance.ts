import type { Complaint } from "../../../shared/answers.ts";
import { canonicalisePath } from "../../../shared/canonical-path.ts";
import { isAdmitted, type ProxiedApp } from "../../config/proxied-app.ts";
import type { Asking, Gate } from "../../gate/gate.ts";
import type { Identity } from "../../gate/identity.ts";
import { mayUse } from "../../gate/keys/identify-by-key.ts";
import { complaintResponse } from "../../http/errors.ts";
import type { RequestContext } from "../../http/request-context.ts";
import { isSameOrigin } from "../../http/same-origin.ts";

/** Somebody who may enter. */
export interface Visitor {
  /** Undefined: nobody asked who it is, or it is nobody. */
  readonly identity: Identity | undefined;
  /** Whether `Authorization` is the app's own affair: what opened the gate is not. */
  readonly keepsCredential: boolean;
}

const notForYou: Complaint = {
  status: 403,
  code: "not_for_you",
  errcode: "M_FORBIDDEN",
  title: "Not for you",
  message: "You are signed in, but this app is not open to you. Ask the owner of this server.",
};

const keyTooNarrow: Complaint = {
  ...notForYou,
  code: "key_too_narrow",
  message: 'This key or app password does not open apps: make one with the scope "apps".',
};

const foreignSocket: Complaint = {
  ...notForYou,
  code: "foreign_origin",
  message: "Only a page of this very host may open a connection here in your name.",
};

/** Lets a request in, or gives the answer that stands in its place. */
export async function admit(
  app: ProxiedApp,
  gate: Gate,
  context: RequestContext,
  request: Asking,
): Promise<Visitor | Response> {
  if (isOpen(app, request)) return await greet(app, gate, context, request);
  const ways = { basic: app.appPasswords, bearer: app.appPasswords };
  const identity = await gate.identify(context, request, ways);
  if (!identity) return await turnAway(app, gate, context, request);
  if (!mayUse(identity, "apps")) return refuse(keyTooNarrow, request);
  if (!isAdmitted(app.who, identity)) return refuse(notForYou, request);
  // A page of a sibling app is same-site, so the cookie comes along: nothing else keeps it from reading along (G4).
  if (context.upgrade && isByCookie(identity) && !isSameOrigin(context.client, request.headers)) {
    return refuse(foreignSocket, request);
  }
  return { identity, keepsCredential: isByCookie(identity) };
}

/** Whether somebody who was let in may stay. */
export async function mayStay(
  app: ProxiedApp,
  gate: Gate,
  context: RequestContext,
  request: Asking,
): Promise<boolean> {
  const ways = { basic: app.appPasswords, bearer: app.appPasswords };
  // Whether it was sent from the right page was judged when it came.
  const identity = await gate.identify(context, { ...request, method: "GET" }, ways);
  return identity !== undefined && mayUse(identity, "apps") && isAdmitted(app.who, identity);
}

/** Where nobody has to sign in, who has is known all the same. A credential is the app's, or goes no further. */
async function greet(
  app: ProxiedApp,
  gate: Gate,
  context: RequestContext,
  request: Asking,
): Promise<Visitor> {
  const authorization = request.headers.get("authorization");
  if (authorization !== null) {
    // Clients send an app password to every path of a host, asked or not.
    const isOurs = app.appPasswords && /^(?:Basic |Bearer burrow_key_)/i.test(authorization);
    return { identity: undefined, keepsCredential: !isOurs };
  }
  const identity = await gate.identify(context, request);
  const isKnown = identity && isAdmitted(app.who, identity);
  const isTrusted = !context.upgrade || isSameOrigin(context.client, request.headers);
  return { identity: isKnown && isTrusted ? identity : undefined, keepsCredential: true };
}

async function turnAway(
  app: ProxiedApp,
  gate: Gate,
  context: RequestContext,
  request: Asking,
): Promise<Response> {
  const answer = await gate.requireSession(context, request);
  if (!(answer instanceof Response)) return refuse(notForYou, request);
  // RFC 7617: a DAV client sends its password only when it is asked. A browser would put up a box for it, so not there.
  if (answer.status !== 401 || !app.appPasswords || request.headers.has("sec-fetch-mode")) return answer;
  const asking = new Response(answer.body, answer);
  asking.headers.set("www-authenticate", `Basic realm="${app.name}", charset="UTF-8"`);
  return asking;
}

const isByCookie = ({ via }: Identity): boolean => via === "session" || via === "access";

function isOpen({ who, openPaths }: ProxiedApp, request: Asking): boolean {
  if (who === "everyone") return true;
  if (openPaths.length === 0) return false;
  const canonical = canonicalisePath(pathOf(request));
  // What some server might read otherwise than it is judged here (`..;`, an escape in an escape) is not open.
  if (typeof canonical === "string" || canonical.soundPrefix !== canonical.path) return false;
  if (/(?:^|\/|%2f)\.{1,2};|%25/i.test(canonical.path)) return false;
  return openPaths.some(
    (open) => canonical.path === open || canonical.path.startsWith(open.endsWith("/") ? open : `${open}/`),
  );
}

function refuse(complaint: Complaint, request: Asking): Response {
  return complaintResponse(complaint, pathOf(request), request.headers.get("accept"));
}

function pathOf({ url }: Asking): string {
  return new URL(url).pathname;
}
