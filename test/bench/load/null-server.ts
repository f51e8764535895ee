/**
 * Speaks as much of the client-server API as the load asks for, keeps nothing and does nothing: what is measured with
 * it is the generator. Prints its port.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const roomId = "!null:null";
let count = 0;
let waiting: ServerResponse[] = [];

function answer(response: ServerResponse, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

const synced = (events: object[]): object => ({
  next_batch: String(count),
  rooms: {
    join: { [roomId]: { timeline: { events, limited: false, prev_batch: "0" }, state: { events: [] } } },
  },
});

const server = createServer((request, response) => {
  let text = "";
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => (text += chunk));
  request.on("end", () => {
    const path = request.url ?? "";
    count += 1;
    if (path.includes("/send/")) {
      answer(response, { event_id: `$${count}` });
      const readers = waiting;
      waiting = [];
      const event = {
        type: "m.room.message",
        sender: "@n:null",
        event_id: `$${count}`,
        content: JSON.parse(text) as object,
      };
      for (const reader of readers) answer(reader, synced([event]));
    } else if (path.includes("/sync") && path.includes("timeout=") && !path.includes("timeout=0")) {
      waiting.push(response);
    } else if (path.includes("/sync")) answer(response, synced([]));
    else {
      const user = { user_id: "@n:null", access_token: "null", room_id: roomId };
      answer(response, { ...user, versions: [], chunk: [], end: "0" });
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
process.on("SIGTERM", () => process.exit(0));
