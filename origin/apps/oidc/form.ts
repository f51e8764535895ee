import { readBody } from "../../http/read-body.ts";

/** Bytes; a token request is a few hundred, a registration some thousands. */
const longest = 32_768;

/** The body of a request of a program, whole; undefined when it is too long. */
export async function readSmallBody(request: Request): Promise<Uint8Array | undefined> {
  return await readBody(request, longest);
}

/** As RFC 6749 appendix B has it; another type of body is no form, and the provider says so. */
export function parseForm(request: Request, body: Uint8Array): URLSearchParams {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  return new URLSearchParams(
    type === "application/x-www-form-urlencoded" ? new TextDecoder().decode(body) : "",
  );
}
