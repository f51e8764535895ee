/** A method cannot be run: the response to the call is `error` (RFC 8620 §3.6.2). */
export class MethodError extends Error {
  override name = "MethodError";
  readonly type: MethodErrorType;
  /** What the error's object has beside type and description. */
  readonly details: Readonly<Record<string, unknown>>;
  constructor(type: MethodErrorType, description: string, details: Readonly<Record<string, unknown>> = {}) {
    super(description);
    this.type = type;
    this.details = details;
  }
}

export type MethodErrorType =
  | "accountNotFound"
  | "anchorNotFound"
  | "cannotCalculateChanges"
  | "forbidden"
  | "fromAccountNotFound"
  | "invalidArguments"
  | "invalidResultReference"
  | "requestTooLarge"
  | "serverFail"
  | "stateMismatch"
  | "tooManyChanges"
  | "unknownMethod"
  | "unsupportedFilter"
  | "unsupportedSort";

/** One object of a `/set` or its like cannot be written (RFC 8620 §5.3); the others can. */
export class SetError extends Error {
  override name = "SetError";
  readonly type: string;
  readonly details: Readonly<Record<string, unknown>>;
  constructor(type: string, description: string, details: Readonly<Record<string, unknown>> = {}) {
    super(description);
    this.type = type;
    this.details = details;
  }

  toJSON(): object {
    return { type: this.type, description: this.message, ...this.details };
  }
}

/** `invalidProperties`, which names them. */
export const invalidProperties = (description: string, ...properties: string[]): SetError =>
  new SetError("invalidProperties", description, { properties });

/** The request as a whole is refused, by HTTP (RFC 8620 §3.6.1). */
export class RequestError extends Error {
  override name = "RequestError";
  readonly status: 400 | 413 | 415;
  readonly type: "notJSON" | "notRequest" | "unknownCapability" | "limit";
  readonly limit: string | undefined;
  constructor(status: 400 | 413 | 415, type: RequestError["type"], detail: string, limit?: string) {
    super(detail);
    this.status = status;
    this.type = type;
    this.limit = limit;
  }
}
