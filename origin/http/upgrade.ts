import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { ProvenResponse } from "./proven-response.ts";
import type { Upgrade } from "./request-context.ts";

/**
 * The answer to a request that wants to change protocols, written like any other: node lets go of the connection
 * before it asks, and by this a refusal, a redirect to the sign-in or a page takes the way that every answer takes.
 */
export function answerUpgrade(incoming: IncomingMessage, socket: Duplex): ProvenResponse {
  const outgoing = new ProvenResponse(incoming);
  outgoing.shouldKeepAlive = false;
  outgoing.assignSocket(socket as Socket);
  const drained = (): boolean => outgoing.emit("drain");
  socket.on("drain", drained);
  outgoing.once("finish", () => {
    socket.off("drain", drained);
    outgoing.detachSocket(socket as Socket);
    socket.end();
    outgoing.emit("close");
  });
  return outgoing;
}

/** `head` is what the client has sent behind its request. */
export function offerUpgrade(outgoing: ProvenResponse, socket: Duplex, head: Buffer): Upgrade {
  return {
    accept(fields) {
      if (outgoing.headersSent) throw new Error("The upgrade was answered already.");
      outgoing.writeHead(101, [...fields]);
      // The answer stays the connection's: who cuts the one ends the other, and it closes when the connection does.
      outgoing.flushHeaders();
      if (head.length > 0) socket.unshift(head);
      return socket;
    },
  };
}
