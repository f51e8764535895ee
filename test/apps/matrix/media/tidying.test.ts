/** What is deleted by itself: expired ids, unused uploads where the owner wants it, blobs that a restore left over. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { type MediaHouse, openMediaHouse } from "./media-house.ts";

const folder = temporaryFolder({ after });
let house: MediaHouse;
before(async () => {
  house = await openMediaHouse(join(folder, "data"), "media_retention_days = 30");
});
after(() => house.close());

const run = (sql: string): Promise<unknown> =>
  house.matrix.database.write(() => void house.matrix.database.prepare(sql).run());
const blobPath = (hash: string): string => house.matrix.media.blobs.pathOf(hash);
const hashOf = (id: string): string =>
  house.rows<{ hash: string }>(`SELECT hash FROM media WHERE id = '${id}'`)[0]?.hash ?? "";

test("what nobody looked at for the owner's time is deleted, what somebody did is not", async () => {
  const [old, used, fresh] = [
    await house.upload("old"),
    await house.upload("used"),
    await house.upload("fresh"),
  ];
  const path = blobPath(hashOf(old));
  await run(`UPDATE media SET used_on = used_on - 31 WHERE id IN ('${old}', '${used}')`);
  assert.equal((await house.download(used)).text, "used");
  await house.matrix.media.tidy();
  assert.equal((await house.download(old)).status, 404);
  assert.equal(existsSync(path), false);
  assert.equal((await house.download(used)).text, "used");
  assert.equal((await house.download(fresh)).text, "fresh");
});

test("an id whose content never came is forgotten", async () => {
  await house.ask("POST", "/_matrix/media/v1/create");
  await run("UPDATE media SET expires_at = 1 WHERE hash IS NULL");
  await house.matrix.media.tidy();
  assert.deepEqual(house.rows("SELECT id FROM media WHERE hash IS NULL"), []);
});

test("after a restore the folder is searched for blobs that no row knows, and only then", async () => {
  const known = await house.upload("known");
  const stray = hashOf(await house.upload("stray"));
  // As if the row came after the backup of the database, and the blob before that of the folder.
  await run(`DELETE FROM media WHERE hash = '${stray}'`);
  await run(`DELETE FROM media_blobs WHERE hash = '${stray}'`);
  await house.matrix.media.tidy();
  assert.equal(existsSync(blobPath(stray)), true);
  await run("UPDATE media_search SET wanted = 1");
  await house.restart();
  while (existsSync(blobPath(stray))) await house.matrix.media.tidy();
  assert.equal((await house.download(known)).text, "known");
  assert.deepEqual(house.log, []);
});

test("a start finishes what a dead process had left to delete", async () => {
  const hash = hashOf(await house.upload("doomed"));
  await run(`DELETE FROM media WHERE hash = '${hash}'`);
  await house.restart();
  while (existsSync(blobPath(hash))) await house.matrix.media.tidy();
  assert.deepEqual(house.rows(`SELECT * FROM media_blobs WHERE hash = '${hash}'`), []);
});
