import { REQUEST_HEAD_MAX_BYTES } from "../../shared/limits.ts";
import type { Visit } from "../visit.ts";
import { refuse } from "./refusal.ts";

/** Answers 431 where the headers would not fit at the origin, which could only drop the connection. */
export function capHead(visit: Visit): Response | undefined {
  const { url, headers } = visit;
  let size = visit.request.method.length + url.pathname.length + url.search.length;
  for (const [name, value] of headers) size += name.length + value.length + 4;
  if (size <= REQUEST_HEAD_MAX_BYTES) return undefined;
  return refuse(visit, {
    status: 431,
    code: "headers_too_large",
    errcode: "M_TOO_LARGE",
    title: "Headers too large",
    message: `Address and headers may be ${REQUEST_HEAD_MAX_BYTES} bytes together: clear this site's cookies, or send less.`,
  });
}
