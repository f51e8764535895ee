import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";

/**
 * A request's content on its way to an app. A stream of its own: undici destroys what it sends when the app answers
 * early, and with the request itself would go the client's connection, and the answer.
 */
export function requestBody(incoming: IncomingMessage): Readable {
  const body = new Readable({
    highWaterMark: incoming.readableHighWaterMark,
    read: () => void incoming.resume(),
    destroy(error, done) {
      incoming.off("data", forward).off("end", end).off("close", broken).off("error", broken);
      // What is left of it is read by the listener, and kept nowhere.
      incoming.resume();
      done(error);
    },
  });
  const forward = (chunk: Buffer): void => {
    if (!body.push(chunk)) incoming.pause();
  };
  const end = (): void => void body.push(null);
  // Never its proper end: the app would take the part for the whole.
  const broken = (): void => {
    if (!incoming.complete) body.destroy(new Error("The client broke off."));
  };
  incoming.on("data", forward).on("end", end).on("close", broken).on("error", broken);
  return body;
}
