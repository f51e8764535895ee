import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import type { User } from "../fixture.ts";
import { accepted, type House, openHouse, path, refused, type ShownEvent } from "../rooms/house.ts";
import { type Owner, owner } from "./owner.ts";

let house: House;
let keeper: Owner;
before(async () => {
  house = await openHouse();
  keeper = await owner(house.fixture);
});
after(() => house.fixture.close());

const server = "@_server:burrow.localhost";

async function invitations(user: User): Promise<string[]> {
  const { body } = await house.call(user, "GET", "/sync");
  return Object.entries<ShownEvent>(body.rooms?.invite ?? {})
    .filter(([, room]) => room.invite_state.events.some((event: ShownEvent) => event.sender === server))
    .map(([roomId]) => roomId);
}

test("a notice comes in a room of the server's own, which cannot be turned down unread", async () => {
  const { ada, ben, cleo } = house;
  const job = await keeper.finish("POST", "/notices", { members: ["ada", "ben"], text: "Back at nine." });
  assert.deepEqual([job.state, job.done, job.total], ["done", 2, 2]);
  const [room = ""] = await invitations(ada);
  assert.notEqual(room, "");
  assert.equal((await invitations(ben)).length, 1);
  assert.deepEqual(await invitations(cleo), []);

  refused(await house.act(ada, "leave", room), 403, "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM");
  const asState = { membership: "leave" };
  refused(
    await house.setState(ada, room, "m.room.member", asState, ada.userId),
    403,
    "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM",
  );
  accepted(await house.act(ada, "join", room));
  const { body } = await house.call(ada, "GET", "/sync");
  const joined = body.rooms.join[room];
  const notice = joined.timeline.events.at(-2);
  assert.deepEqual([notice.sender, notice.content.body], [server, "Back at nine."]);
  const tags = joined.account_data.events.find((event: ShownEvent) => event.type === "m.tag");
  assert.ok(tags.content.tags["m.server_notice"]);
  const member = await house.call(ada, "GET", `/rooms/${path(room)}/state/m.room.member/${path(server)}`);
  assert.equal(member.body.displayname, "Server notices");
  // It is for reading.
  refused(
    await house.call(ada, "PUT", `/rooms/${path(room)}/send/m.room.message/t1`, { body: "no" }),
    403,
    "M_FORBIDDEN",
  );
  refused(await house.act(ada, "invite", room, { user_id: cleo.userId }), 403, "M_FORBIDDEN");

  accepted(await house.act(ada, "leave", room));
  await keeper.finish("POST", "/notices", { members: ["ada"], text: "Back again." });
  assert.deepEqual(await invitations(ada), [room], "asked back into the same room");
});

test("a notice to everyone reaches also who takes no invitations, and who is suspended", async () => {
  const { cleo, fixture } = house;
  const dora = await fixture.user("dora");
  const blocking = { default_action: "block" };
  await house.call(
    cleo,
    "PUT",
    `/user/${path(cleo.userId)}/account_data/m.invite_permission_config`,
    blocking,
  );
  await fixture.members.suspend(dora.memberId);
  const gone = await fixture.user("gone");
  await fixture.members.deactivate(gone.memberId);
  const job = await keeper.finish("POST", "/notices", {
    content: { msgtype: "m.notice", body: "Maintenance" },
  });
  assert.deepEqual([job.state, job.error, job.done], ["done", null, 5]);
  for (const user of [cleo, dora]) assert.equal((await invitations(user)).length, 1);
});

test("a notice needs a text, and members who are there", async () => {
  refused(await keeper.ask("POST", "/notices", {}), 400, "M_MISSING_PARAM");
  refused(await keeper.ask("POST", "/notices", { text: "x", members: ["nobody"] }), 404, "M_NOT_FOUND");
  refused(await keeper.ask("POST", "/notices", { text: "x", members: [] }), 400, "M_INVALID_PARAM");
  refused(await keeper.ask("POST", "/notices", { text: "x".repeat(70_000) }), 400, "M_INVALID_PARAM");
});
