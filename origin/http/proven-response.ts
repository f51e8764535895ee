import { type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from "node:http";
import { REPLY_HEADER } from "../../shared/reply-proof.ts";

/**
 * Node's response with the reply proof put on at the only place that every answer passes, whoever writes it: an
 * app, hono, or node itself on an implicit head.
 */
export class ProvenResponse extends ServerResponse {
  /** Set by the listener once the proof of the request was judged. */
  replyProof: ((status: number) => string) | undefined;

  override writeHead(
    status: number,
    ...rest: [
      (string | OutgoingHttpHeaders | OutgoingHttpHeader[])?,
      (OutgoingHttpHeaders | OutgoingHttpHeader[])?,
    ]
  ): this {
    if (this.replyProof && !this.headersSent) this.setHeader(REPLY_HEADER, this.replyProof(status));
    return super.writeHead(status, ...(rest as [string, OutgoingHttpHeaders]));
  }
}
