import { dialectOf, formatComplaint, isMatrixPath, MATRIX_CORS } from "../../shared/answers.ts";
import type { Complaint } from "../../shared/answers.ts";
import { DEFAULT_HEADERS, FIXED_HEADERS } from "../../shared/security-headers.ts";
import type { Visit } from "../visit.ts";

/** Why the origin's answer cannot be had. */
export type Failure = "away" | "unproved" | "stale" | "refused" | "unknown-client";

const AWAY: Complaint = {
  status: 503,
  code: "origin_away",
  errcode: "M_UNKNOWN",
  title: "Away for a moment",
  message: "This server cannot be reached just now. Nothing is lost: try again in a little while.",
};

// Refused proofs are 503 too: a 401 would make clients throw away good passwords and tokens.
const ANSWERS: Readonly<Record<Failure, { complaint: Complaint; retryAfter?: number }>> = {
  away: { complaint: AWAY, retryAfter: 30 },
  refused: { complaint: AWAY, retryAfter: 30 },
  // The clock is learnt by now: the next try is signed right.
  stale: { complaint: AWAY, retryAfter: 1 },
  unproved: {
    complaint: {
      status: 502,
      code: "origin_unproved",
      errcode: "M_UNKNOWN",
      title: "Not our server",
      message:
        "What answered could not prove to be this server, so its answer was dropped. The owner has been told.",
    },
  },
  "unknown-client": {
    complaint: {
      status: 400,
      code: "unknown_client",
      errcode: "M_UNKNOWN",
      title: "Unknown client",
      message: "The request came without a usable client address.",
    },
  },
};

/** The edge's own answer in the asker's protocol; Matrix clients in browsers may read theirs. */
export function refuse(visit: Visit, complaint: Complaint, headers: Record<string, string> = {}): Response {
  const { pathname } = visit.url;
  const dialect = dialectOf(pathname, visit.request.headers.get("accept"));
  const { type, body, policy } = formatComplaint(complaint, dialect);
  const response = new Response(visit.request.method === "HEAD" ? null : body, {
    status: complaint.status,
    headers: {
      ...headers,
      "content-type": type,
      ...(policy !== undefined && { "content-security-policy": policy }),
    },
  });
  if (isMatrixPath(pathname)) for (const [name, value] of MATRIX_CORS) response.headers.set(name, value);
  return response;
}

/** The answer that stands for one that cannot be had. */
export function answerFailure(visit: Visit, failure: Failure): Response {
  const { complaint, retryAfter } = ANSWERS[failure];
  // A preflight must succeed, or the browser hides the real answer from the Matrix client behind a network error.
  if (visit.request.method === "OPTIONS" && isMatrixPath(visit.url.pathname))
    return new Response(null, { status: 204, headers: Object.fromEntries(MATRIX_CORS) });
  return refuse(visit, complaint, retryAfter === undefined ? {} : { "retry-after": String(retryAfter) });
}

/** The answer where there is no visit to answer to: a target that is no URL, or an edge that cannot work. */
export function answerUnreadable(status: 400 | 503 = 400): Response {
  const complaint: Complaint =
    status === 503
      ? AWAY
      : {
          ...AWAY,
          status,
          code: "bad_request",
          message: "The request's target is not an address on this server.",
        };
  const { type, body } = formatComplaint(complaint, "json");
  return new Response(body, {
    status,
    headers: {
      "content-type": type,
      "cache-control": "no-store",
      ...(status === 503 ? { "retry-after": "30" } : {}),
      ...Object.fromEntries([...FIXED_HEADERS, ...DEFAULT_HEADERS]),
    },
  });
}
