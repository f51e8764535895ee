import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type House, openHouse } from "./house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

test("after a commit that failed no room in memory holds what was not kept, whoever loaded it meanwhile", async () => {
  const { ada, fixture } = house;
  const { database, rooms, append } = fixture.matrix;
  const roomId = await house.make(ada);
  const kept = await house.say(ada, roomId, "kept");
  const other = await house.make(ada);
  const say = (transaction: Parameters<typeof append>[0], body: string, room = roomId) =>
    append(transaction, rooms.get(room)!, {
      type: "m.room.message",
      sender: ada.userId,
      content: { body },
    });

  let failing = true;
  database.beforeCommit(() => {
    if (failing) throw new Error("the disk failed");
  });
  const batch = await Promise.allSettled([
    database.write((transaction) => say(transaction, "lost")),
    // Refused after its event was made: the room is forgotten, and read again from the unfinished transaction.
    database.write((transaction) => {
      say(transaction, "refused");
      throw new Error("refused");
    }),
    database.write(() => void rooms.get(roomId)),
    database.write((transaction) => say(transaction, "lost too", other)),
  ]);
  failing = false;
  assert.ok(batch.every(({ status }) => status === "rejected"));

  assert.equal(rooms.get(roomId)?.last?.eventId, kept);
  const next = await house.say(ada, roomId, "next");
  const shown = (await house.history(ada, roomId)).slice(-2).map((event) => event.event_id);
  assert.deepEqual(shown, [kept, next]);
});
