import type { Context, Hono } from "hono";
import { readBody } from "../../../http/read-body.ts";
import type { HttpEnv } from "../../../http/request-context.ts";
import type { Member } from "../../../members/members.ts";
import type { MailContext } from "../mail-context.ts";
import { accountIdOf } from "./account.ts";
import { createAnswerText } from "./answer-text.ts";
import { findBlob } from "./blobs.ts";
import { serveEvents } from "./event-source.ts";
import { formatBlobId } from "./ids.ts";
import { RequestError } from "./jmap-error.ts";
import { type JmapUser, limits, type MethodTable } from "./method.ts";
import { readRequest, runRequest } from "./run-request.ts";
import { serveBlob } from "./serve-blob.ts";
import { describeSession } from "./session.ts";
import { storeUpload, UploadRefusedError } from "./store-upload.ts";

/** JMAP (RFC 8620, RFC 8621) on the mail host: for mail programs by app password or key, for the webmail by its session. */
export function mountJmap(routes: Hono<HttpEnv>, mail: MailContext, tables: readonly MethodTable[]): void {
  const running = createShares(limits.maxConcurrentRequests);
  const uploading = createShares(limits.maxConcurrentUpload);

  routes.get("/.well-known/jmap", (c) => c.redirect("/jmap/session", 307));
  routes.get("/jmap/session", (c) =>
    authenticated(mail, c, (user) => c.json(describeSession(mail, user, baseOf(c)), 200, noStore)),
  );
  routes.post("/jmap/api", (c) =>
    authenticated(mail, c, (user) =>
      running.take(user.account, async () => {
        try {
          const request = readRequest(await readJson(c), tables);
          const sessionState = String(describeSession(mail, user, baseOf(c))["state"]);
          const text = createAnswerText();
          const { methodResponses: _, ...rest } = await runRequest(request, {
            user,
            tables,
            sessionState,
            log: mail.log,
            take: (response) => text.add(response),
          });
          return c.body(text.finish(rest), 200, { "content-type": "application/json", ...noStore });
        } catch (error) {
          if (error instanceof RequestError) return problem(error);
          throw error;
        }
      }),
    ),
  );
  routes.post("/jmap/upload/:accountId", (c) =>
    authenticated(mail, c, (user) =>
      c.req.param("accountId") === accountIdOf(user.account)
        ? uploading.take(user.account, () => upload(mail, c, user))
        : c.notFound(),
    ),
  );
  routes.get("/jmap/download/:accountId/:blobId/:name", (c) =>
    authenticated(mail, c, (user) => download(mail, c, user)),
  );
  routes.get("/jmap/eventsource", (c) => authenticated(mail, c, (user) => serveEvents(mail, c, user)));
}

const noStore = { "cache-control": "no-store" } as const;

/** Runs the handler as who asks; 401 for nobody, 403 for a key that does not open mail. */
async function authenticated(
  mail: MailContext,
  c: Context<HttpEnv>,
  handle: (user: JmapUser) => Response | Promise<Response>,
): Promise<Response> {
  const { context } = c.env;
  const identity = await mail.gate.identify(context, c.req.raw, { basic: true, bearer: true });
  if (!identity) {
    // A browser would ask for a password of its own in the middle of the webmail.
    const isBrowser = c.req.header("sec-fetch-site") !== undefined;
    const challenge = isBrowser ? {} : { "www-authenticate": 'Basic realm="mail", charset="UTF-8"' };
    return problemResponse(401, "about:blank", "Sign in with an app password for mail.", challenge);
  }
  // A sibling host is same-site: browsers send it the cookie of this one, whatever its page asks for.
  const site = c.req.header("sec-fetch-site") ?? "none";
  if (identity.via === "session" && site !== "same-origin" && site !== "none")
    return problemResponse(403, "about:blank", "A page of another site cannot ask this.");
  const { scopes } = identity;
  const member = mail.members.get(identity.memberId);
  if ((scopes !== "all" && !scopes.includes("mail")) || !member)
    return problemResponse(403, "about:blank", "This key does not open mail.");
  return await handle(await openUser(mail, member));
}

/** A member's account, made where there is none yet. */
export async function openUser(mail: MailContext, member: Member): Promise<JmapUser> {
  if (!mail.mailboxes.hasAccount(member.id)) {
    await mail.database.write((transaction) => mail.mailboxes.openAccount(transaction, member.id));
  }
  return { member, account: member.id, address: `${member.name}@${mail.config.domain}` };
}

function baseOf(c: Context<HttpEnv>): string {
  const { scheme, host, port } = c.env.context.client;
  return `${scheme}://${host}${port === undefined ? "" : `:${port}`}`;
}

async function readJson(c: Context<HttpEnv>): Promise<string> {
  const type = c.req.header("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json")
    throw new RequestError(415, "notJSON", "The content type must be application/json.");
  const bytes = await readBody(c.req.raw, limits.maxSizeRequest);
  if (!bytes) {
    const most = limits.maxSizeRequest;
    throw new RequestError(413, "limit", `A request has at most ${most} bytes.`, "maxSizeRequest");
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new RequestError(400, "notJSON", "The request is no UTF-8.");
  }
}

async function upload(mail: MailContext, c: Context<HttpEnv>, user: JmapUser): Promise<Response> {
  const { account } = user;
  const source = (c.req.raw.body ?? []) as AsyncIterable<Uint8Array>;
  const type = c.req.header("content-type")?.slice(0, 255) ?? "application/octet-stream";
  try {
    const declared = Number(c.req.header("content-length") ?? 0);
    const { hash, size, ...stored } = await storeUpload(mail, account, source, { type, declared });
    const blobId = formatBlobId({ hash, partId: undefined });
    return c.json({ accountId: accountIdOf(account), blobId, type: stored.type, size }, 201, noStore);
  } catch (error) {
    if (!(error instanceof UploadRefusedError)) throw error;
    const uri = "urn:ietf:params:jmap:error:limit";
    return problemResponse(413, uri, error.message, {}, { limit: "maxSizeUpload" });
  }
}

/** RFC 8620 §6.2. */
function download(mail: MailContext, c: Context<HttpEnv>, user: JmapUser): Response {
  const blob =
    c.req.param("accountId") === accountIdOf(user.account)
      ? findBlob(mail, user.account, c.req.param("blobId") ?? "")
      : undefined;
  if (!blob) return problemResponse(404, "about:blank", "There is no such blob.");
  return serveBlob(blob, {
    type: c.req.query("type") ?? "",
    name: c.req.param("name") ?? "",
    isHead: c.req.method === "HEAD",
  });
}

function problem({ status, type, message, limit }: RequestError): Response {
  const uri = `urn:ietf:params:jmap:error:${type}`;
  return problemResponse(status, uri, message, {}, limit === undefined ? {} : { limit });
}

/** RFC 7807, as RFC 8620 §3.6.1 wants it. */
function problemResponse(
  status: number,
  type: string,
  detail: string,
  headers: Record<string, string> = {},
  more: object = {},
): Response {
  return new Response(JSON.stringify({ type, status, detail, ...more }), {
    status,
    headers: { "content-type": "application/problem+json", ...noStore, ...headers },
  });
}

/** So many at a time for each account; the others wait their turn, within bounds. */
function createShares(most: number) {
  const taken = new Map<number, number>();
  return {
    async take(account: number, work: () => Promise<Response>): Promise<Response> {
      const running = taken.get(account) ?? 0;
      if (running >= most) {
        return problemResponse(429, "urn:ietf:params:jmap:error:limit", `At most ${most} at a time.`, {
          "retry-after": "1",
        });
      }
      taken.set(account, running + 1);
      try {
        return await work();
      } finally {
        const left = (taken.get(account) ?? 1) - 1;
        if (left > 0) taken.set(account, left);
        else taken.delete(account);
      }
    },
  };
}
