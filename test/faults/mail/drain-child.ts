/**
 * The drain on the real stores, in a process that is killed: `drain-child.ts DATA STEP`. It goes on until nothing waits,
 * and says what it does before and after each step that can be cut.
 */
import { createArriving } from "../../../origin/apps/mail/arriving/arriving.ts";
import { type MailBucket, openMailBucket } from "../../../origin/apps/mail/arriving/bucket.ts";
import { createDelivery } from "../../../origin/apps/mail/delivery/deliver.ts";
import type { Database } from "../../../origin/storage/database.ts";
import { openMail } from "../../apps/mail/open-mail.ts";
import { createKillPoints } from "./kill-points.ts";

const [dataDir = "", step = ""] = process.argv.slice(2);
const points = createKillPoints(step);

/** Every write of mail: before it, within its transaction, and when it is on disk. */
function watchWrites(database: Database): Database {
  if (database.name !== "mail") return database;
  return {
    ...database,
    async write(work) {
      points.at("before write");
      const result = await database.write((transaction) => {
        const done = work(transaction);
        points.at("in write");
        return done;
      });
      points.at("after write");
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
    async get(key) {
      const object = await bucket.get(key);
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

const { mail, close } = openMail(dataDir, { wrap: watchWrites });
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
await close();
process.exit(0);
