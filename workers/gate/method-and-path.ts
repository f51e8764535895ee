import { canonicalisePath } from "../../shared/canonical-path.ts";
import { URL_MAX_BYTES } from "../../shared/limits.ts";
import type { Visit } from "../visit.ts";
import { refuse } from "./refusal.ts";

// CONNECT and TRACE have no use here, and a fetch of them throws.
const METHODS_REFUSED = new Set(["CONNECT", "TRACE", "TRACK"]);
const METHODS_ALLOWED = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/** Refuses a method that is never served, a URL that is too long, and a path that two readers could read differently. */
export function requirePlainTarget(visit: Visit): Response | undefined {
  const { request, url } = visit;
  if (METHODS_REFUSED.has(request.method.toUpperCase()))
    return refuse(
      visit,
      {
        status: 405,
        code: "method_not_allowed",
        errcode: "M_UNRECOGNIZED",
        title: "Method not allowed",
        message: `${request.method} is not served here.`,
      },
      { allow: METHODS_ALLOWED },
    );
  if (url.pathname.length + url.search.length > URL_MAX_BYTES)
    return refuse(visit, {
      status: 414,
      code: "url_too_long",
      errcode: "M_TOO_LARGE",
      title: "Address too long",
      message: `Path and query may be ${URL_MAX_BYTES} bytes long together: send less in the address.`,
    });
  if (typeof canonicalisePath(url.pathname) === "string")
    return refuse(visit, {
      status: 400,
      code: "ambiguous_path",
      errcode: "M_INVALID_PARAM",
      title: "Ambiguous path",
      message: "The path holds an encoded dot segment or a backslash: send it resolved.",
    });
  return undefined;
}
