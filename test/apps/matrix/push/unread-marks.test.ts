import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createUnreadMarks } from "../../../../origin/apps/matrix/push/unread-marks.ts";
import type { Unread } from "../../../../origin/apps/matrix/push/unread.ts";
import type { Transaction } from "../../../../origin/storage/writer.ts";
import type { User } from "../fixture.ts";
import { type Chat, createChat } from "../sync/chat.ts";

let chat: Chat;
let ada: User;
let ben: User;
before(async () => {
  chat = await createChat();
  ada = await chat.fixture.user("ada");
  ben = await chat.fixture.user("ben");
});
after(() => chat.close());

const nidOf = (roomId: string): number => chat.fixture.matrix.rooms.get(roomId)!.nid;
const remembered = (user: User, roomId: string): Unread =>
  chat.fixture.matrix.unread.inRoom(user.userId, nidOf(roomId));
/** As one who has just started counts it, from the tables alone. */
const counted = (user: User, roomId: string): Unread =>
  createUnreadMarks(chat.fixture.matrix.database).inRoom(user.userId, nidOf(roomId));
/** What both say. */
function notified(user: User, roomId: string): number {
  assert.deepEqual(counted(user, roomId), remembered(user, roomId));
  return remembered(user, roomId).total.notification_count;
}

const rowsIn = (table: "notifications" | "read_marks", roomId: string): number =>
  chat.fixture.matrix.database
    .prepare<{ rows: number }>(`SELECT count(*) AS rows FROM ${table} WHERE room = ?`)
    .get(nidOf(roomId))!.rows;
const hasBase = (user: User, roomId: string): boolean =>
  chat.fixture.matrix.database
    .prepare("SELECT 1 FROM unread_bases WHERE room = ? AND user = ?")
    .get(nidOf(roomId), user.userId) !== undefined;
const written = (): Promise<void> => chat.fixture.matrix.database.write(() => {});

const read = (
  user: User,
  roomId: string,
  eventId: string,
  thread = "",
  type: "m.read" | "m.read.private" = "m.read",
): Promise<void> => {
  const { matrix } = chat.fixture;
  return matrix.database.write((transaction) =>
    matrix.receipts.set(transaction, matrix.rooms.get(roomId)!, {
      userId: user.userId,
      type,
      event: matrix.events.byId(eventId)!,
      thread,
    }),
  );
};
const redact = (user: User, roomId: string, redacts: string): Promise<string> =>
  chat.append(roomId, { type: "m.room.redaction", sender: user.userId, content: {}, redacts });
const inThread = (root: string) => ({ "m.relates_to": { rel_type: "m.thread", event_id: root } });

test("the sums in memory are those of the tables, whatever came, went or was undone", async () => {
  const { matrix } = chat.fixture;
  const roomId = await chat.createRoom(ada, { members: [ben] });
  assert.equal(notified(ada, roomId), 0);

  const first = await chat.send(ben, roomId, "one");
  await chat.send(ben, roomId, "in a thread", inThread(first));
  const third = await chat.send(ben, roomId, "three", { "m.mentions": { user_ids: [ada.userId] } });
  assert.equal(notified(ada, roomId), 3);
  assert.deepEqual(remembered(ada, roomId), {
    total: { notification_count: 3, highlight_count: 1 },
    main: { notification_count: 2, highlight_count: 1 },
    threads: new Map([[first, { notification_count: 1, highlight_count: 0 }]]),
  });
  assert.deepEqual(matrix.unread.byRoom(ada.userId).get(nidOf(roomId)), remembered(ada, roomId));

  await redact(ben, roomId, third);
  assert.equal(notified(ada, roomId), 2);
  assert.equal(remembered(ada, roomId).total.highlight_count, 0);

  await chat.send(ada, roomId, "sending is reading");
  assert.equal(notified(ada, roomId), 1, "the thread is another matter");
  assert.equal(remembered(ada, roomId).main.notification_count, 0);
});

test("a message costs one row however many it notifies, and sending where one has read costs none", async () => {
  const crowd: User[] = [];
  for (let index = 0; index < 50; index += 1) crowd.push(await chat.fixture.user(`guest${index}`));
  const roomId = await chat.createRoom(ada, { members: crowd });
  await chat.send(ada, roomId, "hello all");
  const marks = rowsIn("read_marks", roomId);
  assert.equal(rowsIn("notifications", roomId), 1);
  for (const guest of crowd) assert.equal(notified(guest, roomId), 1);
  await chat.send(ada, roomId, "and again");
  assert.equal(rowsIn("notifications", roomId), 2);
  assert.equal(rowsIn("read_marks", roomId), marks);
  const [guest, other] = [crowd[1]!, crowd[11]!];
  await chat.send(ada, roomId, "you", { "m.mentions": { user_ids: [other.userId] } });
  assert.equal(notified(other, roomId), 3);
  assert.equal(remembered(other, roomId).total.highlight_count, 1);
  assert.equal(notified(guest, roomId), 3);
  assert.equal(remembered(guest, roomId).total.highlight_count, 0, "a name that begins alike is another's");
});

test("a receipt in the middle leaves what came after it, in its own thread alone", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const root = await chat.send(ben, roomId, "root");
  const reply = await chat.send(ben, roomId, "reply", inThread(root));
  const middle = await chat.send(ben, roomId, "middle");
  await chat.send(ben, roomId, "late reply", inThread(root));
  const last = await chat.send(ben, roomId, "last");
  assert.equal(notified(ada, roomId), 5);
  const split = () => {
    const { main, threads } = remembered(ada, roomId);
    return [main.notification_count, threads.get(root)?.notification_count ?? 0];
  };

  await read(ada, roomId, middle, "main");
  assert.equal(notified(ada, roomId), 3);
  assert.deepEqual(split(), [1, 2]);
  await read(ada, roomId, reply, root);
  assert.equal(notified(ada, roomId), 2);
  assert.deepEqual(split(), [1, 1]);
  await read(ada, roomId, root);
  assert.equal(notified(ada, roomId), 2, "the threads have been read further than that");
  await read(ada, roomId, root, "main", "m.read.private");
  assert.equal(notified(ada, roomId), 2, "the public receipt stands further on");
  await read(ada, roomId, last);
  assert.equal(notified(ada, roomId), 0);
  const more = await chat.send(ben, roomId, "more");
  await chat.send(ben, roomId, "and more");
  await read(ada, roomId, more);
  await read(ada, roomId, last, "main");
  assert.equal(notified(ada, roomId), 1);
});

test("what was undone leaves no trace: of one write, and of a commit that failed", async () => {
  const { matrix } = chat.fixture;
  const { database } = matrix;
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const first = await chat.send(ben, roomId, "one");
  const second = await chat.send(ben, roomId, "two");
  const message = { type: "m.room.message", content: { msgtype: "m.text", body: "never said" } };
  const leave = { type: "m.room.member", stateKey: ada.userId, content: { membership: "leave" } };
  const appends = [
    { ...message, sender: ben.userId },
    { ...message, sender: ada.userId },
    { type: "m.room.redaction", sender: ben.userId, content: {}, redacts: second },
    { ...leave, sender: ada.userId },
  ];
  const works = appends.map((draft) => (transaction: Transaction) => {
    matrix.append(transaction, matrix.rooms.get(roomId)!, draft);
  });
  works.push((transaction) => {
    const event = matrix.events.byId(first)!;
    const receipt = { userId: ada.userId, type: "m.read", event, thread: "" } as const;
    matrix.receipts.set(transaction, matrix.rooms.get(roomId)!, receipt);
  });

  let full = false;
  database.beforeCommit(() => {
    if (full) throw new Error("the disk is full");
  });
  for (const work of works) {
    const undone = database.write((transaction) => {
      work(transaction);
      assert.notEqual(remembered(ada, roomId).total.notification_count, 2);
      throw new Error("undone");
    });
    await assert.rejects(undone, /undone/);
    assert.equal(notified(ada, roomId), 2);
    full = true;
    const lost = database.write((transaction) => {
      work(transaction);
      assert.notEqual(remembered(ada, roomId).total.notification_count, 2);
    });
    await assert.rejects(lost, /could not be written/);
    full = false;
    assert.equal(notified(ada, roomId), 2);
  }
});

test("who comes back into a room has nothing unread there, and is told of what is said from then on", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const root = await chat.send(ben, roomId, "before");
  await chat.send(ben, roomId, "in a thread", inThread(root));
  await chat.member(ada, roomId, "leave");
  assert.equal(notified(ada, roomId), 0);
  await chat.send(ben, roomId, "behind their back");
  await chat.member(ada, roomId, "join");
  assert.equal(notified(ada, roomId), 0);
  await chat.send(ben, roomId, "welcome back");
  assert.equal(notified(ada, roomId), 1);
  await chat.send(ben, roomId, "in a thread again", inThread(root));
  await chat.append(roomId, {
    type: "m.room.member",
    stateKey: ada.userId,
    sender: ada.userId,
    content: { membership: "join", displayname: "Ada" },
  });
  await chat.member(ben, roomId, "leave");
  await chat.member(ben, roomId, "join");
  assert.equal(notified(ada, roomId), 1, "a new name, or others' coming and going, reads no thread");
});

test("an invitation is news to the one invited", async () => {
  const cleo = await chat.fixture.user("cleo");
  const roomId = await chat.createRoom(ada, { joinRule: "invite" });
  await chat.member(ada, roomId, "invite", cleo);
  assert.equal(notified(cleo, roomId), 1);
  assert.ok(chat.fixture.matrix.unread.byRoom(cleo.userId).has(nidOf(roomId)));
  await chat.member(cleo, roomId, "join");
  assert.equal(notified(cleo, roomId), 0);
});

test("after a restart the counts are what they were", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const root = await chat.send(ben, roomId, "root");
  await chat.send(ben, roomId, "reply", inThread(root));
  await chat.send(ben, roomId, "ada", { "m.mentions": { user_ids: [ada.userId] } });
  await read(ada, roomId, root, "main");
  const known = remembered(ada, roomId);
  assert.deepEqual(known.main, { notification_count: 1, highlight_count: 1 });
  await chat.fixture.restart();
  assert.deepEqual(remembered(ada, roomId), known);
  assert.deepEqual(chat.fixture.matrix.unread.byRoom(ada.userId).get(nidOf(roomId)), known);
});

test("a sum of very many is written down, and still moves with every receipt and redaction", async () => {
  const { matrix } = chat.fixture;
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const root = await chat.send(ben, roomId, "root");
  const reply = await chat.send(ben, roomId, "reply", inThread(root));
  const second = await chat.send(ben, roomId, "late reply", inThread(root));
  assert.equal(notified(ada, roomId), 3);
  await chat.sendMany(ben, roomId, 1100);
  await written();
  assert.ok(hasBase(ada, roomId));
  assert.equal(notified(ada, roomId), 1103);
  const last = await chat.send(ben, roomId, "behind the base");
  assert.equal(notified(ada, roomId), 1104);

  await redact(ben, roomId, second);
  assert.equal(notified(ada, roomId), 1103);
  await read(ada, roomId, reply, root);
  assert.equal(notified(ada, roomId), 1102);
  await read(ada, roomId, root);
  assert.equal(notified(ada, roomId), 1101);
  const middle = matrix.events.byId(last)!.so - 900;
  const { event_id: far } = matrix.database
    .prepare<{ event_id: string }>("SELECT event_id FROM events WHERE so = ?")
    .get(middle)!;
  await read(ada, roomId, far, "main");
  const left = notified(ada, roomId);
  assert.ok(left > 0 && left <= 900);
  await redact(ben, roomId, far);
  assert.equal(notified(ada, roomId), left, "it had been read");
  await read(ada, roomId, last);
  assert.equal(notified(ada, roomId), 0);
  assert.equal(hasBase(ada, roomId), false);
});

test("a count that took long is not done twice", async () => {
  const roomId = await chat.createRoom(ada, { members: [ben] });
  await chat.fixture.restart();
  await chat.sendMany(ben, roomId, 1100);
  await written();
  assert.equal(hasBase(ada, roomId), false);
  assert.equal(notified(ada, roomId), 1100);
  await written();
  assert.ok(hasBase(ada, roomId));
  await chat.send(ben, roomId, "one more");
  await chat.fixture.restart();
  assert.equal(notified(ada, roomId), 1101);
});

test("what everyone has read is deleted, and nobody's counts change", async () => {
  const cleo = await chat.fixture.user("cleo");
  const roomId = await chat.createRoom(ada, { members: [ben, cleo] });
  const root = await chat.send(ben, roomId, "root");
  const reply = await chat.send(ben, roomId, "reply", inThread(root));
  const third = await chat.send(ben, roomId, "three");
  await chat.send(ben, roomId, "four");
  await read(ada, roomId, third, "main");
  await read(cleo, roomId, third);
  const expire = () => chat.fixture.matrix.unread.expire(Number.MAX_SAFE_INTEGER);
  const counts = () => [ada, ben, cleo].map((user) => notified(user, roomId));

  await expire();
  assert.equal(rowsIn("notifications", roomId), 3, "ada has not read the reply");
  assert.deepEqual(counts(), [2, 0, 1]);
  await read(ada, roomId, reply, root);
  await expire();
  assert.equal(rowsIn("notifications", roomId), 1);
  assert.equal(rowsIn("read_marks", roomId), 3, "no thread's marks are needed any more");
  assert.deepEqual(counts(), [1, 0, 1]);
  await chat.member(cleo, roomId, "leave");
  await chat.send(ada, roomId, "bye");
  await expire();
  assert.equal(rowsIn("notifications", roomId), 1, "only ben has something left to read");
  assert.deepEqual(counts(), [0, 1, 0]);
});
