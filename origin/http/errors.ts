import { randomBytes } from "node:crypto";
import {
  type Complaint,
  dialectOf,
  formatComplaint,
  MATRIX_CORS,
  retryAfterOf,
} from "../../shared/answers.ts";
import { DEFAULT_HEADERS } from "../../shared/security-headers.ts";
import type { Log } from "../host/log.ts";

/** Errors that the frame itself answers, whatever the app. */
export const complaints = {
  notFound: {
    status: 404,
    code: "not_found",
    errcode: "M_UNRECOGNIZED",
    title: "Not found",
    message: "There is nothing at this address. Check it for a typing mistake.",
  },
  // G6: who asks for a host that is not ours learns nothing of the ones that are.
  misdirected: {
    status: 421,
    code: "misdirected",
    errcode: "M_UNRECOGNIZED",
    title: "Misdirected request",
    message: "This server does not answer for that host.",
  },
  // The edge refuses these already (row E3): no reader behind us may resolve a path to one that was not judged.
  ambiguousPath: {
    status: 400,
    code: "ambiguous_path",
    errcode: "M_INVALID_PARAM",
    title: "Ambiguous path",
    message: "The path holds an encoded dot segment or a backslash: send it resolved.",
  },
  unauthenticated: {
    status: 401,
    code: "unauthenticated",
    errcode: "M_MISSING_TOKEN",
    title: "Sign in first",
    message: "This is for members only. Sign in and try again.",
  },
  notFresh: {
    status: 401,
    code: "sign_in_again",
    errcode: "M_UNAUTHORIZED",
    title: "Confirm that it is you",
    message:
      "Your sign-in is more than ten minutes old. Load this page again: it asks for your password or passkey.",
  },
  // G4: a page of another origin has sent what the browser added our cookie to.
  foreignOrigin: {
    status: 403,
    code: "foreign_origin",
    errcode: "M_FORBIDDEN",
    title: "Not from here",
    message: "This was sent by a page of another site. Open the page of this one and send it from there.",
  },
  suspended: {
    status: 403,
    code: "suspended",
    errcode: "M_USER_SUSPENDED",
    title: "Your account is suspended",
    message: "You can read your chats, and nothing else for now. Ask the owner of this server.",
  },
  staleArrival: {
    status: 403,
    code: "stale_arrival",
    errcode: "M_FORBIDDEN",
    title: "This way in is used up",
    message:
      "The link from the sign-in page holds for half a minute, once, and only in the browser that asked for it. Open the page that you wanted again. If this comes back, let your browser keep cookies of this site.",
  },
  badRequest: {
    status: 400,
    code: "bad_request",
    errcode: "M_UNKNOWN",
    title: "Bad request",
    message: "The request cannot be understood.",
  },
} as const satisfies Record<string, Complaint>;

/** The answer to a complaint, in the protocol of the request: a Matrix error, a page for browsers, or JSON. */
export function complaintResponse(complaint: Complaint, path: string, accept: string | null): Response {
  const { headers, body } = writeComplaint(complaint, path, accept);
  return new Response(body, { status: complaint.status, headers });
}

/** The same, for who writes to node's own response. */
export function writeComplaint(
  complaint: Complaint,
  path: string,
  accept: string | null,
): { headers: Record<string, string>; body: string } {
  const dialect = dialectOf(path, accept);
  const { type, body, policy } = formatComplaint(complaint, dialect);
  const headers: Record<string, string> = {
    "content-type": type,
    "cache-control": "no-store",
    ...retryAfterOf(complaint),
  };
  if (dialect === "matrix") for (const [name, value] of MATRIX_CORS) headers[name] = value;
  if (dialect === "html") for (const [name, value] of DEFAULT_HEADERS) headers[name] = value;
  if (policy !== undefined) headers["content-security-policy"] = policy;
  return { headers, body };
}

/**
 * What is left of an error that nobody foresaw: one line in the log, and a complaint that names the line and
 * nothing else.
 */
export function unexpectedError(
  log: Log,
  error: unknown,
  request: { method: string; path: string },
): Complaint {
  const id = randomBytes(6).toString("hex");
  log.error("request.failed", { id, method: request.method, path: request.path, error });
  return {
    status: 500,
    code: "internal",
    errcode: "M_UNKNOWN",
    title: "Something went wrong",
    message: `This server made a mistake. It is in its log as ${id}.`,
  };
}
