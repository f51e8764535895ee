/**
 * The drain on the real stores, in a process that is killed: `drain-child.ts DATA STEP`. It goes on until nothing waits,
 * and says what it does before and after each step that can be cut.
 */
import { createArriving } from "../../../origin/apps/mail/arriving/arriving.ts";
import { type MailBucket, openMailBucket } from "../../../origin/apps/mail/arriving/bucket.ts";
import { createDelivery } from "../../../origin/apps/mail/delivery/deliver.ts";
import type { Statement } from "../../../origin/storage/driver.ts";
import type { Database } from "../../../origin/storage/database.ts";
import { openMail } from "../../apps/mail/open-mail.ts";
import { createKillPoints } from "./kill-points.ts";

const [dataDir = "", step = ""] = process.argv.slice(2);
const points = createKillPoints(step);

/** What a write of mail is for, by the first of these statements that runs in it. */
const purposes: readonly (readonly [string, RegExp])[] = [
  ["note", /INTO mail_blobs/],
  ["land", /INTO arrivals/],
  ["file", /INTO emails/],
  ["removed", /SET removed_at/],
];

/** Every write of mail, within its transaction and when it is on disk. */
function watchWrites(database: Database): Database {
  if (database.name !== "mail") return database;
  let purpose = "";
  return {
    ...database,
    prepare<Row>(sql: string): Statement<Row> {
      const statement = database.prepare<Row>(sql);
      const found = purposes.find(([, pattern]) => pattern.test(sql))?.[0];
      if (found === undefined) return statement;
      return {
        get: (...parameters) => statement.get(...parameters),
        all: (...parameters) => statement.all(...parameters),
        iterate: (...parameters) => statement.iterate(...parameters),
        run(...parameters) {
          purpose ||= found;
          return statement.run(...parameters);
        },
      };
    },
    async write(work) {
      let own = "";
      const result = await database.write((transaction) => {
        purpose = "";
        const done = work(transaction);
        own = purpose;
        points.at(`in ${own}`);
        return done;
      });
      points.at(`after ${own}`);
      return result;
    },
  };
}

function watchBucket(bucket: MailBucket): MailBucket {
  return {
    ...bucket,
    async *pages() {
      for await (const page of bucket.pages()) {
        points.at("listed");
        yield page;
      }
    },
    async get(key, bytes) {
      const object = await bucket.get(key, bytes);
      points.at("got");
      return object && { ...object, body: watchBody(object.body) };
    },
    async remove(keys) {
      if (keys.length > 0) points.at("before remove");
      const left = await bucket.remove(keys);
      if (keys.length > 0) points.at("after remove");
      return left;
    },
  };
}

async function* watchBody(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    yield piece;
    points.at("in body");
  }
}

const opened = openMail(dataDir, { wrap: watchWrites });
const { mail } = opened;
await mail.blobs.searchAfterRestore();
await mail.blobs.collect();
const { config, outbound } = mail;
const arriving = createArriving(mail, {
  delivery: createDelivery(mail),
  bucketSecret: "secret",
  bucket: watchBucket(openMailBucket({ config, secret: "secret", outbound })),
});
console.log("ready");
await arriving.drain();
await arriving.close();
await mail.blobs.collect();
await opened.close();
process.exit(0);
