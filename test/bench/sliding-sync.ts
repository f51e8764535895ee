/**
 * What sliding sync costs in this process, without sockets: `node test/bench/sliding-sync.ts`. As Element X asks: one
 * list over all rooms. Figures to compare with each other in one run: an answer without news and with one message
 * with the number of rooms, what a kept connection spares after a restart, and a message to 49 waiting readers.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { User } from "../apps/matrix/fixture.ts";
import { everyRoom, slide } from "../apps/matrix/sliding-sync/slide.ts";
import { type Chat, createChat } from "../apps/matrix/sync/chat.ts";

const roomCounts = [10, 100, 1000];
const messagesInRoom = 20;
const readers = 49;

const median = (times: number[]): number =>
  times.toSorted((one, other) => one - other)[times.length >> 1] ?? 0;
const millis = (ms: number): string => `${ms.toFixed(2)} ms`;

/** The rooms that Element X's room list asks for, with its state. */
const roomList = (last: number): object => ({
  conn_id: "room-list",
  lists: {
    all_rooms: {
      ranges: [[0, last]],
      timeline_limit: 1,
      required_state: [
        ["m.room.name", ""],
        ["m.room.encryption", ""],
        ["m.room.member", "$LAZY"],
        ["m.room.member", "$ME"],
        ["m.room.topic", ""],
        ["m.room.avatar", ""],
        ["m.room.canonical_alias", ""],
        ["m.room.power_levels", ""],
        ["m.room.join_rules", ""],
        ["m.room.create", ""],
        ["m.room.history_visibility", ""],
        ["m.space.child", "*"],
        ["m.space.parent", "*"],
      ],
    },
  },
  extensions: {
    account_data: { enabled: true },
    receipts: { enabled: true, rooms: ["*"] },
    typing: { enabled: true },
  },
});

/** Until nothing is left to send; the times of the answers and their size in all. */
async function load(chat: Chat, user: User, body: object, pos?: string) {
  const times: number[] = [];
  let bytes = 0;
  for (let at = pos; ; ) {
    const start = performance.now();
    const answer = await slide(chat, user, body, at === undefined ? {} : { pos: at });
    times.push(performance.now() - start);
    bytes += JSON.stringify(answer).length;
    at = answer.pos as string;
    if (Object.keys(answer.rooms).length === 0) return { pos: at, times, bytes };
  }
}

async function timed(rounds: number, work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return median(times);
}

async function byRooms(chat: Chat): Promise<void> {
  const rows: Record<string, Record<string, string>> = {};
  const owner = await chat.fixture.user("ada");
  const friends = await Promise.all(["ben", "cleo", "dora"].map((name) => chat.fixture.user(name)));
  for (const count of roomCounts) {
    const reader = await chat.fixture.user(`reader${count}`);
    let last = "";
    for (let index = 0; index < count; index += 1) {
      last = await chat.createRoom(owner, { members: [...friends, reader], name: `Room ${index}` });
      await chat.sendMany(owner, last, messagesInRoom);
    }
    const top = await timed(5, () => slide(chat, reader, roomList(19)));
    const all = await load(chat, reader, roomList(9999));
    const empty = await timed(2000, () => slide(chat, reader, roomList(9999), { pos: all.pos }));
    // The request without lists is what HTTP, JSON and the session cost.
    const bare = { conn_id: "bare" };
    const { pos: barePos } = await slide(chat, reader, bare);
    const floor = await timed(2000, () => slide(chat, reader, bare, { pos: barePos }));
    await chat.send(owner, last, "one more");
    const one = await timed(300, () => slide(chat, reader, roomList(9999), { pos: all.pos }));
    const { pos } = await slide(chat, reader, roomList(9999), { pos: all.pos });
    await chat.fixture.matrix.database.write(() => {});
    const kept = chat.fixture.matrix.database
      .prepare<{ bytes: number }>("SELECT max(length(sent)) AS bytes FROM sliding_sync_states WHERE user = ?")
      .get(reader.userId);
    await chat.fixture.restart();
    const resumed = await load(chat, reader, roomList(9999), pos);
    const anew = await load(chat, reader, roomList(9999));
    rows[`${count} rooms`] = {
      "first 20": millis(top),
      all: `${millis(all.times.reduce((sum, time) => sum + time, 0))}, ${(all.bytes / 1024).toFixed(0)} KiB`,
      "no lists": millis(floor),
      empty: millis(empty),
      "one message": millis(one),
      "restart, kept": `${millis(resumed.times[0] ?? 0)}, ${resumed.bytes} B`,
      "restart, anew": `${millis(anew.times.reduce((sum, time) => sum + time, 0))}, ${(anew.bytes / 1024).toFixed(0)} KiB`,
      "on disk": `${((kept?.bytes ?? 0) / 1024).toFixed(1)} KiB`,
    };
  }
  console.table(rows);
}

/** A message from its write to the last reader's answer, beside the same with nobody waiting. */
async function delivery(chat: Chat): Promise<void> {
  const writer = await chat.fixture.user("writer");
  const people: User[] = [];
  for (let index = 0; index < readers; index += 1) people.push(await chat.fixture.user(`listener${index}`));
  const roomId = await chat.createRoom(writer, { members: people });
  const rows: Record<string, Record<string, string>> = {};
  for (const count of [0, 1, readers]) {
    const places = new Map<User, string>();
    for (const user of people.slice(0, count)) places.set(user, (await slide(chat, user, everyRoom())).pos);
    const times: number[] = [];
    for (let round = 0; round < 60; round += 1) {
      const answers = [...places].map(async ([user, pos]) => {
        places.set(user, (await slide(chat, user, everyRoom(), { pos, timeout: 30_000 })).pos);
      });
      for (let turns = 0; turns < 10; turns += 1) await turn();
      const start = performance.now();
      await chat.send(writer, roomId, `message ${round}`);
      await Promise.all(answers);
      times.push(performance.now() - start);
    }
    const all = median(times.slice(10));
    rows[`${count} waiting`] = {
      "write to last answer": millis(all),
      each: count > 0 ? millis(all / count) : "",
    };
  }
  console.table(rows);
}

const chat = await createChat();
try {
  await byRooms(chat);
  await delivery(chat);
} finally {
  await chat.close();
}
