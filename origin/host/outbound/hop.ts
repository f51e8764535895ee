import type { Readable } from "node:stream";

/** What may be sent: a stream can be sent only once, so no redirect carries it on. */
export type OutboundBody = string | Uint8Array | Readable;

/** One request to one server. */
export interface HopRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: OutboundBody | undefined;
  readonly signal: AbortSignal;
  /** Milliseconds that are left for the whole. */
  readonly timeoutMs: number;
  /** Bytes of the answer, decoded, past which nobody reads on. */
  readonly maxBytes: number;
}

/** Its answer as it came: redirects not followed, content codings not undone. */
export interface HopAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readable;
}

/**
 * One way of asking: directly, or through the edge. Rejects with OutboundError, or with whatever the network says;
 * when the signal is aborted it rejects, or its answer's body breaks off.
 */
export type Hop = (request: HopRequest) => Promise<HopAnswer>;
