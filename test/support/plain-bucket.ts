/**
 * The part of S3 that the drain speaks, out of memory, and nothing checked: for kills by the hundred and for figures,
 * where workerd's R2 (which checks every signature, and is what test/e2e/mail-arrives.test.ts goes through) would be most
 * of the time.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface PlainObject {
  readonly body: Buffer;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface PlainBucket {
  readonly url: string;
  readonly objects: Map<string, PlainObject>;
  close(): void;
}

export async function openPlainBucket({ pageSize = 1000 } = {}): Promise<PlainBucket> {
  const objects = new Map<string, PlainObject>();
  const server = createServer((incoming, outgoing) => void answer({ objects, pageSize }, incoming, outgoing));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/bucket`,
    objects,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(
  { objects, pageSize }: { objects: Map<string, PlainObject>; pageSize: number },
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const url = new URL(incoming.url ?? "", "http://bucket");
  const key = decodeURIComponent(url.pathname.slice("/bucket/".length));
  if (url.searchParams.has("list-type")) return void outgoing.end(list(objects, url.searchParams, pageSize));
  if (url.searchParams.has("delete")) {
    for (const [, name = ""] of (await text(incoming)).matchAll(/<Key>([^<]+)<\/Key>/g)) objects.delete(name);
    return void outgoing.end("<DeleteResult></DeleteResult>");
  }
  const object = objects.get(key);
  if (!object) return void outgoing.writeHead(404).end("<Error><Code>NoSuchKey</Code></Error>");
  outgoing.setHeader("content-length", object.body.length);
  for (const [name, value] of Object.entries(object.metadata))
    outgoing.setHeader(`x-amz-meta-${name}`, value);
  // In two pieces, so that there is a middle.
  const half = object.body.length >> 1;
  outgoing.write(object.body.subarray(0, half));
  outgoing.end(object.body.subarray(half));
}

function list(objects: Map<string, PlainObject>, query: URLSearchParams, pageSize: number): string {
  const after = query.get("continuation-token") ?? "";
  const keys = [...objects.keys()].filter((key) => key > after).toSorted();
  const page = keys.slice(0, pageSize);
  const contents = page.map(
    (key) => `<Contents><Key>${key}</Key><Size>${objects.get(key)?.body.length}</Size></Contents>`,
  );
  const next =
    keys.length > page.length ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : "";
  return `<?xml version="1.0"?><ListBucketResult>${contents.join("")}${next}</ListBucketResult>`;
}
