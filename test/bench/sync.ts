/**
 * What GET /sync costs in this process, without sockets: `node test/bench/sync.ts`. Figures to compare with each
 * other in one run: the first answer with the number of rooms, the empty one with none of it, and a message to
 * 49 waiting readers with one reader's.
 */
import { setImmediate as turn } from "node:timers/promises";
import { stringifyInTurns } from "../../origin/host/turns.ts";
import { parseFilter } from "../../origin/apps/matrix/sync/filter.ts";
import { parseToken } from "../../origin/apps/matrix/sync/position.ts";
import { createSync } from "../../origin/apps/matrix/sync/sync.ts";
import type { SyncRequest } from "../../origin/apps/matrix/sync/sync-request.ts";
import type { User } from "../apps/matrix/fixture.ts";
import { type Chat, createChat, syncPath } from "../apps/matrix/sync/chat.ts";

const roomCounts = [10, 100, 1000];
const messagesInRoom = 20;
const readers = 49;

const median = (times: number[]): number =>
  times.toSorted((one, other) => one - other)[times.length >> 1] ?? 0;

/** Milliseconds for one call, the median of `rounds` after a warm-up. */
function time(rounds: number, calls: number, work: () => void): number {
  for (let call = 0; call < calls; call += 1) work();
  const times = Array.from({ length: rounds }, () => {
    const start = performance.now();
    for (let call = 0; call < calls; call += 1) work();
    return (performance.now() - start) / calls;
  });
  return median(times);
}

/**
 * Milliseconds of each call, and of this thread's own time the longest stretch in which nobody else had a turn: medians
 * of five.
 */
async function timeInTurns(work: () => Promise<unknown>): Promise<{ whole: number; stretch: number }> {
  const wholes: number[] = [];
  const stretches: number[] = [];
  await work();
  for (let round = 0; round < 5; round += 1) {
    const state = { done: false };
    let stretch = 0;
    const start = performance.now();
    let last = ownTime();
    const working = work().finally(() => (state.done = true));
    while (!state.done) {
      await turn();
      const now = ownTime();
      stretch = Math.max(stretch, now - last);
      last = now;
    }
    await working;
    wholes.push(performance.now() - start);
    stretches.push(stretch);
  }
  return { whole: median(wholes), stretch: median(stretches) };
}

/** Milliseconds that this thread has had the processor. */
function ownTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

const micros = (ms: number): string => `${(ms * 1000).toFixed(1)} µs`;
const millis = (ms: number): string => `${ms.toFixed(2)} ms`;

async function byRooms(chat: Chat): Promise<void> {
  const rows: Record<string, Record<string, string>> = {};
  const owner = await chat.fixture.user("ada");
  const friends = await Promise.all(["ben", "cleo", "dora"].map((name) => chat.fixture.user(name)));
  const sync = createSync(chat.fixture.matrix);
  const answerTo = async (request: SyncRequest) => await sync(request);
  const give = async (request: SyncRequest) => stringifyInTurns((await sync(request)).answer, 3);
  const giveNews = (request: SyncRequest): void => {
    const result = sync(request);
    if (result instanceof Promise) throw new Error("an answer of news must not wait");
    JSON.stringify(result.answer);
  };
  for (const count of roomCounts) {
    const reader = await chat.fixture.user(`reader${count}`);
    let last = "";
    for (let index = 0; index < count; index += 1) {
      last = await chat.createRoom(owner, { members: [...friends, reader], name: `Room ${index}` });
      await chat.sendMany(owner, last, messagesInRoom);
    }
    const everything: SyncRequest = {
      userId: reader.userId,
      deviceId: reader.deviceId,
      since: undefined,
      filter: parseFilter({}),
      fullState: false,
      stateKey: "state_after",
    };
    const lazy = parseFilter({ room: { state: { lazy_load_members: true } } });
    const { next, answer } = await answerTo(everything);
    const bytes = JSON.stringify(answer).length;
    const initial = await timeInTurns(() => give(everything));
    const initialLazy = await timeInTurns(() => give({ ...everything, filter: lazy }));
    const empty = time(5, 2000, () => giveNews({ ...everything, since: next }));
    await chat.send(owner, last, "one more");
    const one = time(5, 500, () => giveNews({ ...everything, since: next }));
    rows[`${count} rooms`] = {
      "first answer": millis(initial.whole),
      "longest in one go": millis(initial.stretch),
      "with lazy members": millis(initialLazy.whole),
      "in one go": millis(initialLazy.stretch),
      size: `${(bytes / 1024).toFixed(0)} KiB`,
      "empty answer": micros(empty),
      "one message": micros(one),
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
    const waiting = people.slice(0, count);
    const tokens = new Map<User, string>();
    for (const user of waiting) tokens.set(user, (await chat.sync(user)).next_batch);
    const times: number[] = [];
    for (let round = 0; round < 60; round += 1) {
      const answers = waiting.map(async (user) => {
        const path = syncPath({ since: tokens.get(user) ?? "", timeout: 30_000 });
        const { body } = await chat.fixture.request("GET", path, { token: user.token });
        parseToken(body.next_batch);
        tokens.set(user, body.next_batch);
      });
      await turn();
      await turn();
      const start = performance.now();
      await chat.send(writer, roomId, `message ${round}`);
      await Promise.all(answers);
      times.push(performance.now() - start);
    }
    const all = median(times.slice(10));
    rows[`${count} waiting`] = {
      "write to last answer": millis(all),
      each: count > 0 ? micros(all / count) : "",
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
