import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { TestContext } from "node:test";

export interface Received {
  readonly path: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Record<string, unknown>;
}

/** Where alerts arrive: a server of the owner's own. `status` is what it answers next. */
export interface AlertServer {
  readonly url: string;
  status: number;
  readonly received: Received[];
  /** Resolves with the first so many messages. */
  first(count: number): Promise<Received[]>;
}

export async function startAlertServer(t: TestContext): Promise<AlertServer> {
  let waiting: (() => void)[] = [];
  const server = createServer((incoming, outgoing) => {
    void json(incoming).then((body) => {
      alertServer.received.push({
        path: incoming.url ?? "",
        headers: incoming.headers,
        body: body as Received["body"],
      });
      outgoing.writeHead(alertServer.status).end("noted");
      for (const resolve of waiting.splice(0)) resolve();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const alertServer: AlertServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    status: 200,
    received: [],
    async first(count) {
      while (alertServer.received.length < count) {
        await new Promise<void>((resolve) => (waiting = [...waiting, resolve]));
      }
      return alertServer.received.slice(0, count);
    },
  };
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return alertServer;
}
