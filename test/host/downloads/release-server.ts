import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ReleaseServer {
  readonly url: string;
  /** What was asked for, the `Range` and `If-Range` of each request. */
  readonly asked: { range: string | undefined; ifRange: string | undefined }[];
  /** How the next requests are answered. */
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  /** Breaks every connection. */
  cut: () => void;
}

/** A server that gives out files, in whatever way a test says. */
export async function startReleaseServer(t: { after(work: () => unknown): void }): Promise<ReleaseServer> {
  const self: { -readonly [Key in keyof ReleaseServer]: ReleaseServer[Key] } = {
    url: "",
    asked: [],
    answer: (_request, response) => response.writeHead(404).end(),
    cut: () => server.closeAllConnections(),
  };
  const server = createServer((request, response) => {
    self.asked.push({
      range: request.headers.range,
      ifRange: request.headers["if-range"] as string | undefined,
    });
    self.answer(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  self.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return self;
}

/** A well-behaved server's answer: ranges, and If-Range against the ETag (RFC 9110 §13.1.5); or the beginning of one. */
export function serve(bytes: Buffer, etag: string | undefined, options: { stopAfter?: number } = {}) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const isPart = from > 0 && (request.headers["if-range"] ?? etag) === etag;
    if (isPart && from >= bytes.length) {
      response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
      return;
    }
    const body = isPart ? bytes.subarray(from) : bytes;
    response.writeHead(isPart ? 206 : 200, {
      "content-length": body.length,
      ...(etag !== undefined && { etag }),
      ...(isPart && { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
    });
    if (options.stopAfter === undefined) response.end(body);
    else response.write(body.subarray(0, options.stopAfter));
  };
}
