/** Why a request did not leave, or its answer is not handed on. */
export type OutboundFault =
  | "bad-url"
  | "forbidden-address"
  | "not-listed"
  | "bad-request"
  | "busy"
  | "unreachable"
  | "timeout"
  | "aborted"
  | "too-large"
  | "too-many-redirects"
  | "bad-redirect"
  | "bad-answer"
  | "edge"
  | "closed";

const SENTENCES: Readonly<Record<OutboundFault, string>> = {
  "bad-url":
    "This address cannot be fetched: it must be http or https, on the usual port, without a password.",
  "forbidden-address": "This address does not lead to the public internet, so it is not fetched.",
  "not-listed":
    "This request goes somewhere that its purpose does not name. Check the setting that names it.",
  "bad-request": "This request cannot be sent: its method, headers or body are not allowed for its purpose.",
  busy: "Too many requests are under way. Try again in a moment.",
  unreachable: "The other server cannot be reached. Check the address, or try again later.",
  timeout: "The other server took too long. Try again later.",
  aborted: "The request was called off.",
  "too-large": "The answer is larger than is taken.",
  "too-many-redirects": "The address leads from one redirect to the next.",
  "bad-redirect": "The other server sends on to where this request must not follow.",
  "bad-answer": "The other server's answer cannot be read.",
  edge: 'The edge did not fetch it. Run "burrow doctor", or set outbound.through to "direct".',
  closed: "This server is closed for now: it sends nothing out for anybody.",
};

/**
 * A request that did not leave, or whose answer is not handed on. The message may be shown to a member: it names
 * neither an address that was resolved nor what listens there. `cause` is for the log.
 */
export class OutboundError extends Error {
  override readonly name = "OutboundError";
  readonly code: OutboundFault;
  constructor(code: OutboundFault, cause?: unknown) {
    super(SENTENCES[code], cause === undefined ? {} : { cause });
    this.code = code;
  }
}

/** What an error of the network or of a decoder means to the caller; a signal's own reason comes first. */
export function toOutboundError(
  error: unknown,
  signal: AbortSignal,
  otherwise: OutboundFault,
): OutboundError {
  if (signal.aborted) {
    const reason: unknown = signal.reason;
    return reason instanceof OutboundError ? reason : new OutboundError("aborted", reason);
  }
  return error instanceof OutboundError ? error : new OutboundError(otherwise, error);
}
