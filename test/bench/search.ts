/**
 * What the search costs in this process, without sockets: `node test/bench/search.ts [MESSAGES] [ROOMS]`. The index's
 * time and bytes for each message, and how long somebody in all of the rooms waits for an answer, with the longest
 * stretch of this thread's time in which nobody else had a turn.
 */
import { setImmediate as turn } from "node:timers/promises";
import { parseRoomEventFilter } from "../../origin/apps/matrix/sync/filter.ts";
import { parseQuery } from "../../origin/apps/matrix/search/query.ts";
import { findPage } from "../../origin/apps/matrix/search/search-page.ts";
import { searchKeys } from "../../origin/apps/matrix/search/searchable-text.ts";
import { createChat } from "../apps/matrix/sync/chat.ts";
import { random, vocabulary, words } from "./words.ts";

const messages = Number(process.argv[2] ?? 20_000);
const roomCount = Number(process.argv[3] ?? 1000);

const sentence = (): string => words(2 + Math.floor(random() * 14));

function ownTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

async function measure<T>(
  work: Promise<T>,
): Promise<{ value: T; whole: number; own: number; stretch: number }> {
  const state = { done: false };
  const [start, begun] = [performance.now(), ownTime()];
  let last = begun;
  let stretch = 0;
  const working = work.finally(() => (state.done = true));
  while (!state.done) {
    await turn();
    const now = ownTime();
    stretch = Math.max(stretch, now - last);
    last = now;
  }
  return { value: await working, whole: performance.now() - start, own: ownTime() - begun, stretch };
}

const chat = await createChat();
const { matrix } = chat.fixture;
const pages = (): number =>
  matrix.database
    .prepare<{ bytes: number }>("SELECT SUM(pgsize) AS bytes FROM dbstat WHERE name LIKE 'search_words%'")
    .get()?.bytes ?? 0;
const ada = await chat.fixture.user("ada");
const rooms: string[] = [];
for (let index = 0; index < roomCount; index += 1) rooms.push(await chat.createRoom(ada));
await matrix.searchIndex.catchUp(60_000);
let characters = 0;
let indexing = 0;
for (let sent = 0; sent < messages; ) {
  const batch: Promise<string>[] = [];
  for (; batch.length < 200 && sent < messages; sent += 1) {
    const text = sentence();
    characters += text.length;
    batch.push(chat.send(ada, rooms[Math.floor(rooms.length * random() ** 3)] ?? "", text));
  }
  await Promise.all(batch);
  const { own } = await measure(matrix.searchIndex.catchUp(60_000));
  indexing += own;
}
console.table({
  "the index, each message": {
    "own time": `${((indexing * 1000) / messages).toFixed(1)} µs`,
    bytes: (pages() / messages).toFixed(1),
    "characters of its text": (characters / messages).toFixed(1),
  },
});

const rows: Record<string, Record<string, string>> = {};
for (const [name, term] of [
  ["a word that nobody says", "zzzzzzzzz"],
  ["a seldom one", vocabulary[15_000]],
  ["an often one", vocabulary[0]],
  ["two often ones", `${vocabulary[0]} ${vocabulary[1]}`],
  ["one letter", "e"],
] as const) {
  for (const order of ["recent", "rank"] as const) {
    const search = {
      userId: ada.userId,
      query: parseQuery(term ?? ""),
      keys: new Set(searchKeys),
      filter: parseRoomEventFilter({}),
      only: {},
    };
    const options = { order, limit: 10, cursor: undefined, groupBy: [] };
    const found = await measure(findPage(matrix, search, options));
    rows[`${name}, ${order}`] = {
      found: String(found.value.count),
      "whole time": `${found.whole.toFixed(1)} ms`,
      "longest in one go": `${found.stretch.toFixed(1)} ms`,
    };
  }
}
console.table(rows);
await chat.close();
