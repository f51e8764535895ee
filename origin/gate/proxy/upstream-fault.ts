import type { Complaint } from "../../../shared/answers.ts";

/** Why there is no answer of an app's. */
export type UpstreamFault = "away" | "broke-off" | "late" | "odd" | "busy";

/** What the client is told, and when it may try again. */
export const upstreamComplaints: Readonly<Record<UpstreamFault, Complaint>> = {
  away: {
    status: 502,
    code: "app_away",
    errcode: "M_UNKNOWN",
    title: "This app is not running",
    message:
      "This server works, but the app behind this address does not answer. Try again in a little while.",
    retryAfterMs: 10_000,
  },
  "broke-off": {
    status: 502,
    code: "app_broke_off",
    errcode: "M_UNKNOWN",
    title: "This app broke off",
    message: "This server works, but the app behind this address ended the connection without an answer.",
    retryAfterMs: 5_000,
  },
  late: {
    status: 504,
    code: "app_late",
    errcode: "M_UNKNOWN",
    title: "This app takes too long",
    message: "This server works, but the app behind this address has not answered in time.",
    retryAfterMs: 30_000,
  },
  odd: {
    status: 502,
    code: "app_odd",
    errcode: "M_UNKNOWN",
    title: "This app answered oddly",
    message:
      "This server works, but what the app behind this address answered is no HTTP that could be passed on.",
    retryAfterMs: 30_000,
  },
  busy: {
    status: 503,
    code: "app_busy",
    errcode: "M_LIMIT_EXCEEDED",
    title: "This app is busy",
    message: "As many requests as this app is allowed at a time are under way. Try again in a moment.",
    retryAfterMs: 1_000,
  },
};

const late = new Set(["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT", "ETIMEDOUT"]);
const brokeOff = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);
const odd = /^(?:UND_ERR_(?:HEADERS_OVERFLOW|RES_|INVALID|NOT_SUPPORTED)|ERR_(?:INVALID_CHAR|HTTP_))/;

/** Which fault an error of the connection is. Whatever is not known counts as an app that is not there. */
export function faultOf(error: unknown): UpstreamFault {
  const { code = "", name, message } = error as Error & { code?: string };
  if (late.has(code)) return "late";
  // What undici cannot make sense of: a parser's error, or a "bad response" that it tells like a broken connection.
  if (name === "HTTPParserError" || (code === "UND_ERR_SOCKET" && message.startsWith("bad "))) return "odd";
  if (brokeOff.has(code)) return "broke-off";
  return odd.test(code) ? "odd" : "away";
}
