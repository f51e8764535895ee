import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { REPLY_HEADER } from "../../shared/reply-proof.ts";
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
      if (outgoing.headersSent || !outgoing.replyProof) throw new Error("The upgrade was answered already.");
      const proof = outgoing.replyProof(101);
      let text = `HTTP/1.1 101 Switching Protocols\r\n${REPLY_HEADER}: ${proof}\r\n`;
      for (let index = 0; index + 1 < fields.length; index += 2) {
        text += `${fields[index]}: ${fields[index + 1]}\r\n`;
      }
      outgoing.replyProof = undefined;
      outgoing.detachSocket(socket as Socket);
      socket.write(`${text}\r\n`, "latin1");
      if (head.length > 0) socket.unshift(head);
      return socket;
    },
  };
}
