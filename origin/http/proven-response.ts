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
    if (this.replyProof && !this.headersSent) {
      const proof = this.replyProof(status);
      const fields = rest.at(-1);
      // A list goes out as it is; beside a field that was set by itself, node would take it apart again.
      if (Array.isArray(fields) && this.getHeaderNames().length === 0)
        return super.writeHead(status, [...fields, REPLY_HEADER, proof]);
      this.setHeader(REPLY_HEADER, proof);
    }
    return super.writeHead(status, ...(rest as [string, OutgoingHttpHeaders]));
  }
}
