import assert from "node:assert/strict";
import { test } from "node:test";
import { createChat } from "./chat.ts";

interface Section {
  timeline: { events: { content: { body?: string; name?: string } }[] };
  state_after: { events: { type: string; content: { name?: string } }[] };
}

test("an answer with many rooms lets others write, and is of one moment all the same", async (t) => {
  const chat = await createChat();
  t.after(() => chat.close());
  const [ada, ben] = [await chat.fixture.user("ada"), await chat.fixture.user("ben")];
  const rooms: string[] = [];
  for (let index = 0; index < 300; index += 1) {
    const room = await chat.createRoom(ada, { members: [ben], name: "old" });
    await chat.send(ada, room, "early");
    rooms.push(room);
  }
  const query = { use_state_after: true };
  const order: string[] = [];
  const asked = chat.sync(ben, query).finally(() => order.push("answer"));
  const writes = rooms
    .toReversed()
    .flatMap((room) => [
      chat.setState(ada, room, "m.room.name", { name: "new" }).then(() => order.push("write")),
      chat.send(ada, room, "late"),
    ]);
  await Promise.all([...writes, chat.member(ben, rooms[299]!, "leave")]);
  const first = await asked;
  assert.equal(order[0], "write", "others had their turn");
  const second = await chat.sync(ben, { ...query, since: first.next_batch });
  for (const room of rooms) {
    const before: Section = first.rooms.join[room];
    const after: Section = room === rooms[299] ? second.rooms.leave[room] : second.rooms.join[room];
    const bodies = (section: Section) => section.timeline.events.flatMap(({ content }) => content.body ?? []);
    const names = (section: Section) =>
      section.state_after.events.flatMap(({ type, content }) => (type === "m.room.name" ? content.name : []));
    assert.deepEqual([bodies(before), names(before)], [["early"], ["old"]]);
    assert.deepEqual([bodies(after), names(after)], [["late"], ["new"]]);
  }
});
