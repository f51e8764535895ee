/** Too many wrong tries: nothing was looked at. Answered 429 with Retry-After, in the protocol of the request. */
export class ThrottledError extends Error {
  override name = "ThrottledError";
  readonly retryAfterMs: number;
  constructor(retryAfterMs: number) {
    super("Too many wrong tries.");
    this.retryAfterMs = retryAfterMs;
  }
}
