import { BODY_MAX_BYTES } from "../../shared/limits.ts";

/**
 * The bytes of a request's body, counted as they arrive: a declared length is a claim, not a fact. Undefined when there
 * are more than `most`. Such a body is still read, and kept nowhere, as far as the edge lets one through: to leave off
 * in the middle cuts the connection, which the edge uses for others next.
 */
export async function readBody(request: Request, most: number): Promise<Uint8Array | undefined> {
  const declared = request.headers.get("content-length");
  if (declared !== null && !request.headers.has("transfer-encoding")) {
    // The HTTP parser never delivers more than was declared. What is not read here node discards after the answer.
    return Number(declared) > most ? undefined : new Uint8Array(await request.arrayBuffer());
  }
  if (!request.body) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > BODY_MAX_BYTES) return undefined;
    if (size <= most) chunks.push(chunk);
    else chunks.length = 0;
  }
  return size > most ? undefined : Buffer.concat(chunks);
}
