import type { ContentfulStatusCode } from "hono/utils/http-status";

/** The one error of the Matrix app: what the client gets, status and body (specification §Standard error response). */
export class MatrixError extends Error {
  override name = "MatrixError";
  readonly status: ContentfulStatusCode;
  readonly errcode: string;
  /** Further fields of the body, as `retry_after_ms` or `soft_logout`. */
  readonly fields: Readonly<Record<string, unknown>>;
  constructor(
    status: ContentfulStatusCode,
    errcode: string,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.status = status;
    this.errcode = errcode;
    this.fields = fields;
  }
}

export const forbidden = (message: string): MatrixError => new MatrixError(403, "M_FORBIDDEN", message);
export const notFound = (message: string): MatrixError => new MatrixError(404, "M_NOT_FOUND", message);
export const badJson = (message: string): MatrixError => new MatrixError(400, "M_BAD_JSON", message);
export const invalidParam = (message: string): MatrixError =>
  new MatrixError(400, "M_INVALID_PARAM", message);
export const missingParam = (message: string): MatrixError =>
  new MatrixError(400, "M_MISSING_PARAM", message);
export const tooLarge = (message: string): MatrixError => new MatrixError(413, "M_TOO_LARGE", message);

/** A path that this server does not have (specification §Standard error response). */
export const unrecognised = (): MatrixError =>
  new MatrixError(404, "M_UNRECOGNIZED", "Unrecognised request.");
