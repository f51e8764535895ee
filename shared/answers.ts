import { COMPLAINT_PAGE_POLICY, complaintPage } from "./complaint-page.ts";

/** The protocol in which a request wants its errors told. */
export type Dialect = "matrix" | "html" | "json";

/** An error as every client is told it: a code for programs, a sentence that says what to do for people. */
export interface Complaint {
  status: number;
  /** Lower-case words with `_`; Matrix clients get `errcode` instead. */
  code: string;
  /** Matrix error code (client-server API, "Common error codes"). */
  errcode: string;
  title: string;
  message: string;
  /** When the same request may come again, in milliseconds; it is told in the header Retry-After too. */
  retryAfterMs?: number;
}

/** Client-server API, "Web Browser Clients": these on every answer that a Matrix client in a browser must read. */
export const MATRIX_CORS: readonly (readonly [string, string])[] = [
  ["access-control-allow-origin", "*"],
  ["access-control-allow-methods", "GET, POST, PUT, DELETE, OPTIONS"],
  ["access-control-allow-headers", "X-Requested-With, Content-Type, Authorization"],
];

/** Whether a path belongs to the Matrix API or its discovery. */
export function isMatrixPath(path: string): boolean {
  return /^\/(?:_matrix|\.well-known\/matrix)(?:\/|$)/.test(path);
}

/** How a request wants errors told: Matrix by its path, pages to browsers, JSON to the rest. */
export function dialectOf(path: string, accept: string | null): Dialect {
  if (isMatrixPath(path)) return "matrix";
  return accept !== null && /\btext\/html\b/i.test(accept) ? "html" : "json";
}

/** Body, content type and, of a page, the content security policy of a complaint in a dialect. */
export function formatComplaint(
  complaint: Complaint,
  dialect: Dialect,
): { type: string; body: string; policy?: string } {
  const { retryAfterMs, status, title } = complaint;
  const wait = retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs };
  if (dialect === "matrix") return json({ errcode: complaint.errcode, error: complaint.message, ...wait });
  if (dialect === "json") return json({ error: complaint.code, message: complaint.message, ...wait });
  const again = retryAfterMs !== undefined || status >= 500;
  const body = complaintPage(title, complaint.message, again);
  return { type: "text/html; charset=utf-8", body, policy: COMPLAINT_PAGE_POLICY };
}

/** The header that says when to try again, where the complaint does. Whole seconds, never too early (RFC 9110 §10.2.3). */
export function retryAfterOf({ retryAfterMs }: Complaint): Record<string, string> {
  return retryAfterMs === undefined ? {} : { "retry-after": String(Math.ceil(retryAfterMs / 1000)) };
}

function json(value: Record<string, string | number>): { type: string; body: string } {
  return { type: "application/json", body: JSON.stringify(value) };
}
