/**
 * The floor to measure against: a bare node:http handler that commits the same rows as a sent message (an event,
 * a transaction note, COUNTERS rows of whom it notifies) in groups at synchronous=FULL, and does nothing else.
 * Prints its port.
 */
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { openDatabase } from "../../origin/storage/database.ts";
import { chooseDriver } from "../../origin/storage/open-driver.ts";

const [file = "", counters = "10"] = process.argv.slice(2);
const database = openDatabase({
  name: "floor",
  file,
  open: chooseDriver(),
  migrations: [
    {
      name: "floor",
      sql: `CREATE TABLE events (so INTEGER PRIMARY KEY, id TEXT UNIQUE, room INTEGER, pdu TEXT);
            CREATE INDEX by_room ON events (room, so);
            CREATE TABLE transactions (device TEXT, txn TEXT, answer TEXT, PRIMARY KEY (device, txn)) WITHOUT ROWID;
            CREATE TABLE unread (user INTEGER, room INTEGER, so INTEGER, PRIMARY KEY (user, room, so)) WITHOUT ROWID;`,
    },
  ],
});
const insertEvent = database.prepare("INSERT INTO events VALUES (?, ?, 1, ?)");
const insertTransaction = database.prepare("INSERT INTO transactions VALUES ('device', ?, ?)");
const insertUnread = database.prepare("INSERT INTO unread VALUES (?, 1, ?)");
let so = 0;

const server = createServer((request, response) => {
  if (request.method === "GET") {
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
    return;
  }
  let text = "";
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => (text += chunk));
  request.on("end", () => {
    void database
      .write(() => {
        const position = ++so;
        const pdu = JSON.stringify(JSON.parse(text));
        const id = createHash("sha256").update(pdu).update(randomBytes(4)).digest("base64url");
        insertEvent.run(position, id, pdu);
        insertTransaction.run(String(position), id);
        for (let user = 0; user < Number(counters); user += 1) insertUnread.run(user, position);
        return id;
      })
      .then((id) => {
        response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ event_id: id }));
      });
  });
});
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
process.on("SIGTERM", () => process.exit(0));
