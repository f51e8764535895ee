/** Somebody else's app, as fast as node:http is: 1 KB at any path, `/large/BYTES` down, any upload. Prints its port. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const small = Buffer.alloc(1024, "a");
const block = Buffer.alloc(262_144, "b");

const server = createServer((incoming, outgoing) => {
  const large = /^\/large\/(\d+)$/.exec(incoming.url ?? "")?.[1];
  if (incoming.method === "PUT") {
    let bytes = 0;
    incoming.on("data", (chunk: Buffer) => (bytes += chunk.length));
    incoming.on("end", () => outgoing.end(String(bytes)));
    return;
  }
  if (large === undefined) {
    outgoing.writeHead(200, { "content-type": "text/plain", "content-length": small.length });
    outgoing.end(small);
    return;
  }
  let left = Number(large);
  outgoing.writeHead(200, { "content-length": left });
  const more = (): void => {
    while (left > 0) {
      const part = left < block.length ? block.subarray(0, left) : block;
      left -= part.length;
      if (!outgoing.write(part)) return void outgoing.once("drain", more);
    }
    outgoing.end();
  };
  more();
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
process.on("SIGTERM", () => process.exit(0));
