import assert from "node:assert/strict";
import { after, before, test } from "node:test";
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

test("the sums in memory are those of the rows, whatever came, went or was undone", async () => {
  const { matrix } = chat.fixture;
  const roomId = await chat.createRoom(ada, { members: [ben] });
  const nidOf = (): number => matrix.rooms.get(roomId)!.nid;
  const remembered = () => matrix.unread.inRoom(ada.userId, nidOf());
  const counted = () => matrix.unread.byRoom(ada.userId).get(nidOf());
  assert.equal(remembered().total.notification_count, 0);

  const first = await chat.send(ben, roomId, "one");
  await chat.send(ben, roomId, "in a thread", { "m.relates_to": { rel_type: "m.thread", event_id: first } });
  const third = await chat.send(ben, roomId, "three", { "m.mentions": { user_ids: [ada.userId] } });
  assert.deepEqual(remembered(), {
    total: { notification_count: 3, highlight_count: 1 },
    main: { notification_count: 2, highlight_count: 1 },
    threads: new Map([[first, { notification_count: 1, highlight_count: 0 }]]),
  });
  assert.deepEqual(counted(), remembered());

  const undone = matrix.database.write((transaction) => {
    matrix.append(transaction, matrix.rooms.get(roomId)!, {
      type: "m.room.message",
      sender: ben.userId,
      content: { msgtype: "m.text", body: "never said" },
    });
    throw new Error("undone");
  });
  await assert.rejects(undone, /undone/);
  assert.equal(remembered().total.notification_count, 3);

  await chat.append(roomId, { type: "m.room.redaction", sender: ben.userId, content: {}, redacts: third });
  assert.equal(remembered().total.highlight_count, 0);
  assert.deepEqual(counted(), remembered());

  await chat.send(ada, roomId, "sending is reading");
  assert.equal(remembered().main.notification_count, 0);
  assert.equal(remembered().total.notification_count, 1, "the thread is another matter");
  assert.deepEqual(counted(), remembered());
});
