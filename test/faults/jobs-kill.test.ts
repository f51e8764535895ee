/** SIGKILL while the owner's jobs and an erasure are under way: each goes on where it was, and is done once. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import type { Transaction } from "../../origin/storage/writer.ts";
import { openBetterSqlite3 } from "../../origin/storage/driver-better-sqlite3.ts";
import { openMediaHouse } from "../apps/matrix/media/media-house.ts";
import { freePort, startOriginProcess } from "../support/origin-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const kills = 4;
const doomedMessages = 3000;
const redactions = 300;
const [ada, ben, emil] = ["@ada:burrow.localhost", "@ben:burrow.localhost", "@emil:burrow.localhost"];

/** A room to be deleted, one where ben is to be redacted, and emil, erased; all of it ordered, and the server stopped. */
async function prepare(dataDir: string): Promise<{ doomed: number; kitchen: number }> {
  const house = await openMediaHouse(dataDir);
  const { matrix } = house;
  const { members } = house.home.origin;
  const made = async (): Promise<{ roomId: string; nid: number }> => {
    const answer = await house.ask("POST", "/_matrix/client/v3/createRoom", {
      body: { preset: "public_chat" },
    });
    const { room_id: roomId } = answer.json<{ room_id: string }>();
    const at = `/_matrix/client/v3/join/${encodeURIComponent(roomId)}`;
    await house.ask("POST", at, { body: {}, token: house.ben });
    return { roomId, nid: matrix.rooms.get(roomId)?.nid ?? 0 };
  };
  const [doomed, kitchen] = [await made(), await made()];
  const say = (transaction: Transaction, roomId: string, sender: string, index: number): void => {
    const room = matrix.rooms.get(roomId);
    assert.ok(room);
    const content = { msgtype: "m.text", body: `quokka ${index}` };
    matrix.append(transaction, room, { type: "m.room.message", sender, content });
  };
  await matrix.database.write((transaction) => {
    for (let index = 0; index < doomedMessages; index += 1) say(transaction, doomed.roomId, ben, index);
    for (let index = 0; index < redactions; index += 1) {
      say(transaction, kitchen.roomId, ben, index);
      say(transaction, kitchen.roomId, ada, index);
    }
  });
  await matrix.searchIndex.catchUp(60_000);

  await members.createAccount({ name: "emil", password: "violet anchor ninety canoes" });
  const { memberId, accessToken } = await emilOf(members);
  await house.upload("emil's", "text/plain", "mine.txt", accessToken);
  await matrix.database.write((transaction) => {
    for (let index = 0; index < 1000; index += 1) {
      matrix.accountData.set(transaction, emil, 0, `org.example.n${index}`, { index });
    }
    matrix.database
      .prepare(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
         INSERT INTO media SELECT 'copy' || i, holder, hash, size, type, shown, name, created_at, used_on, NULL
         FROM n, media WHERE holder = ?`,
      )
      .run(emil);
  });
  await Promise.all([
    members.deactivate(memberId, { erase: true }),
    matrix.database.write((transaction) => {
      const by = ada;
      matrix.jobs.add(transaction, { kind: "delete-room", arguments: { room_id: doomed.roomId }, by });
      matrix.jobs.add(transaction, { kind: "redact-member", arguments: { user_id: ben }, by });
    }),
  ]);
  await house.close();
  return { doomed: doomed.nid, kitchen: kitchen.nid };
}

async function emilOf(members: Awaited<ReturnType<typeof openMediaHouse>>["home"]["origin"]["members"]) {
  const memberId = members.find("emil")?.id ?? 0;
  return { memberId, ...(await members.openSession(memberId, { address: "192.0.2.1" })) };
}

test("jobs and an erasure outlive SIGKILLs, and each is done once", { timeout: 100_000 }, async (t) => {
  const dataDir = temporaryFolder(t);
  const { doomed, kitchen } = await prepare(dataDir);
  function read<Row>(sql: string, name = "matrix"): Row[] {
    const database = openBetterSqlite3(join(dataDir, "databases", `${name}.db`));
    try {
      return database.prepare<Row>(sql).all();
    } finally {
      database.close();
    }
  }
  const count = (sql: string): number => read<{ n: number }>(`SELECT count(*) AS n ${sql}`)[0]?.n ?? -1;
  const underWay = (): boolean => {
    const changes = read<{ n: number }>("SELECT max(seq) AS n FROM changes", "members")[0]?.n;
    return (
      count("FROM jobs WHERE ended_at IS NULL") > 0 ||
      count(`FROM followed WHERE member_change = ${changes}`) === 0
    );
  };
  const port = await freePort();
  const start = () =>
    startOriginProcess({ dataDir, port, env: { NODE_COMPILE_CACHE: join(dataDir, "compiled") } });
  let interrupted = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    const origin = await start();
    await pause(10 + kill * 15);
    await origin.kill("SIGKILL");
    if (underWay()) interrupted += 1;
  }
  assert.ok(interrupted > 0, "a kill came in the midst of it");
  const origin = await start();
  while (underWay()) await pause(50);
  // What no row needs is deleted after the last write of an erasure.
  await origin.kill("SIGTERM");

  assert.deepEqual(
    read<{ state: string; total: number | null; done: number }>(
      "SELECT state, total, done FROM jobs ORDER BY id",
    ).map(({ state, done, total }) => [state, total === null ? done : done - total]),
    [
      ["done", 0],
      ["done", redactions],
    ],
  );
  assert.equal(count(`FROM events WHERE room = ${doomed}`), 3, "the create event, and each one's leave once");
  assert.equal(count(`FROM state WHERE room = ${doomed}`), 3);
  for (const table of ["notifications", "receipts", "read_marks", "threads"]) {
    assert.equal(count(`FROM ${table} WHERE room = ${doomed}`), 0, table);
  }
  const indexed = (room: number): number =>
    count(`FROM search_words WHERE search_words MATCH '"${room.toString(36)}:quokka"'`);
  assert.deepEqual([indexed(doomed), indexed(kitchen)], [0, redactions]);
  assert.equal(
    count(`FROM events WHERE room = ${kitchen} AND type = 'm.room.redaction'`),
    redactions,
    "none twice",
  );
  assert.equal(count(`FROM events WHERE redacted_by IS NOT NULL AND sender = '${ben}'`), redactions);
  assert.equal(count(`FROM events WHERE redacted_by IS NOT NULL AND sender = '${ada}'`), 0);
  for (const [table, column] of [
    ["account_data", "user"],
    ["media", "holder"],
    ["media_usage", "holder"],
  ]) {
    assert.equal(count(`FROM ${table} WHERE ${column} = '${emil}'`), 0, table);
  }
  assert.equal(count(`FROM erased_users WHERE user = '${emil}'`), 1);
  assert.equal(count("FROM media_blobs WHERE refs > 0"), 0);
});
