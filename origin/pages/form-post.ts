import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { readBody } from "../http/read-body.ts";
import type { HttpEnv } from "../http/request-context.ts";
import { isSameOrigin } from "../http/same-origin.ts";
import type { MembersErrorCode } from "../members/members.ts";

/** A form that is not read at all; the message is for people. */
export class FormRefusal extends Error {
  override name = "FormRefusal";
  readonly status: ContentfulStatusCode;
  constructor(status: ContentfulStatusCode, message: string) {
    super(message);
    this.status = status;
  }
}

/** Bytes: a token, a name and the longest password fit many times over, also percent-encoded. */
const longestForm = 16_384;

/**
 * Reads a posted form after proof that it comes from a page of ours (G4 of the threat model).
 *
 * `most`: bytes.
 *
 * @throws FormRefusal: 403 from another site, 415 not a form, 413 too long.
 */
export async function readForm(c: Context<HttpEnv>, most = longestForm): Promise<URLSearchParams> {
  refuseOtherOrigins(c);
  const type = c.req.header("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded") {
    throw new FormRefusal(
      415,
      "This is not a form of this site. Open the page again and send it from there.",
    );
  }
  const bytes = await readBody(c.req.raw, most);
  if (!bytes) throw new FormRefusal(413, tooLong(most));
  return new URLSearchParams(new TextDecoder().decode(bytes));
}

/** @throws FormRefusal: 403 from another site. */
export function refuseOtherOrigins(c: Context<HttpEnv>): void {
  if (!isSameOrigin(c.env.context.client, c.req.raw.headers)) {
    throw new FormRefusal(
      403,
      "This form did not come from this site. Open the page again and send it from there.",
    );
  }
}

const tooLong = (most: number): string =>
  most === longestForm
    ? "This form is too long. Use a shorter name and password."
    : "This is too long to be taken in one form. Shorten it and send it again.";

/** How the refusals of the members' domain are answered by pages. */
export const statusOf: Record<MembersErrorCode, ContentfulStatusCode> = {
  "setup-invalid": 403,
  "invite-invalid": 403,
  "refresh-invalid": 403,
  locked: 403,
  "not-allowed": 403,
  "owner-protected": 403,
  "unknown-member": 404,
  "already-claimed": 409,
  "not-claimed": 409,
  "name-taken": 409,
  "too-many": 409,
  "name-invalid": 422,
  "key-invalid": 422,
  "passkey-invalid": 422,
  "totp-invalid": 422,
  "label-invalid": 422,
  "password-weak": 422,
  closed: 503,
  busy: 503,
};
