import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import type { User } from "../fixture.ts";
import { accepted, type House, openHouse, path, refused } from "../rooms/house.ts";

let house: House;
let keeper: User;
before(async () => {
  house = await openHouse();
  keeper = await house.fixture.user("keeper");
});
after(() => house.fixture.close());

const admin = (method: string, rest: string, body?: object) =>
  house.fixture.request(method, `/_burrow/admin/v1${rest}`, { token: keeper.token, body });
const report = (user: User, rest: string, body: object = { reason: "rude" }) =>
  house.call(user, "POST", `${rest}/report`, body);

test("what a member sees can be reported, and reaches the owner with an alert", async () => {
  const { ada, ben, cleo } = house;
  const room = await house.make(ada, { invite: [ben.userId], preset: "private_chat" });
  await house.act(ben, "join", room);
  const rude = await house.say(ben, room, "something rude");
  accepted(await house.call(ada, "POST", `/rooms/${path(room)}/report/${path(rude)}`, { reason: "rude" }));
  accepted(await report(ada, `/rooms/${path(room)}`));
  accepted(await report(cleo, `/users/${path(ben.userId)}`));

  const { body } = await admin("GET", "/reports");
  assert.deepEqual(
    body.reports.map((one: Record<string, unknown>) => [one["kind"], one["reporter"], one["reason"]]),
    [
      ["user", cleo.userId, "rude"],
      ["room", ada.userId, "rude"],
      ["event", ada.userId, "rude"],
    ],
  );
  const ofEvent = body.reports[2];
  assert.deepEqual([ofEvent.event_id, ofEvent.room_id, ofEvent.user_id], [rude, room, ben.userId]);
  assert.equal(house.fixture.alerts.get(`report:${ofEvent.id}`)?.severity, "warning");
  assert.doesNotMatch(JSON.stringify([...house.fixture.alerts]), /something rude/);

  // The owner is not in the room: owning the server does not open it.
  assert.equal((await admin("GET", `/reports/${ofEvent.id}`)).body.event, undefined);
  await house.act(ada, "invite", room, { user_id: keeper.userId });
  await house.act(keeper, "join", room);
  assert.equal((await admin("GET", `/reports/${ofEvent.id}`)).body.event.content.body, "something rude");

  const resolved = await admin("POST", `/reports/${ofEvent.id}/resolve`, { note: "talked to Ben" });
  assert.deepEqual([resolved.body.resolved_by, resolved.body.note], [keeper.userId, "talked to Ben"]);
  assert.equal(house.fixture.alerts.has(`report:${ofEvent.id}`), false);
  refused(await admin("POST", `/reports/${ofEvent.id}/resolve`, { note: "again" }), 404, "M_NOT_FOUND");
  assert.equal((await admin("GET", "/reports?state=resolved")).body.reports.length, 1);
  assert.equal((await admin("GET", "/reports")).body.open, 2);
});

test("reporting again before it is resolved changes the report instead of filling the queue", async () => {
  const { ada, ben } = house;
  const known = (await admin("GET", "/reports?state=all")).body.reports.length;
  for (const reason of ["one", "two"]) accepted(await report(ada, `/users/${path(ben.userId)}`, { reason }));
  const { reports } = (await admin("GET", "/reports?state=all")).body;
  assert.equal(reports.length, known + 1);
  assert.equal(reports[0].reason, "two");
});

test("what the reporter cannot see is answered like what there is not", async () => {
  const { ada, ben, cleo } = house;
  const room = await house.make(ada);
  const event = await house.say(ada, room, "private");
  const elsewhere = await house.make(ben);
  const unknown = await house.call(cleo, "POST", `/rooms/!none/report/$none`, { reason: "x" });
  refused(unknown, 404, "M_NOT_FOUND");
  for (const there of [room, elsewhere]) {
    const reply = await house.call(cleo, "POST", `/rooms/${path(there)}/report/${path(event)}`, {
      reason: "x",
    });
    assert.deepEqual([reply.status, reply.body], [404, unknown.body]);
  }
  refused(
    await house.call(ben, "POST", `/rooms/${path(elsewhere)}/report/${path(event)}`, { reason: "x" }),
    404,
    "M_NOT_FOUND",
  );
  // Reading on is not being there: the specification wants the reporter in the room.
  const open = await house.make(ada, { preset: "public_chat" });
  await house.act(ben, "join", open);
  const said = await house.say(ada, open, "in public");
  await house.act(ben, "leave", open);
  const gone = await house.call(ben, "POST", `/rooms/${path(open)}/report/${path(said)}`, { reason: "x" });
  assert.deepEqual([gone.status, gone.body], [404, unknown.body]);
  const noRoom = await report(cleo, "/rooms/!none");
  assert.deepEqual((await report(cleo, `/rooms/${path(room)}`)).body, noRoom.body);
  refused(noRoom, 404, "M_NOT_FOUND");
  refused(await report(cleo, "/users/@nobody:burrow.localhost"), 404, "M_NOT_FOUND");
  refused(await report(cleo, "/users/@x:example.org"), 404, "M_NOT_FOUND");
});

test("a reason must be there for a room and a user, and has bounds", async () => {
  const { ada, ben } = house;
  refused(await report(ada, `/users/${path(ben.userId)}`, {}), 400, "M_MISSING_PARAM");
  refused(
    await report(ada, `/users/${path(ben.userId)}`, { reason: "x".repeat(4001) }),
    400,
    "M_INVALID_PARAM",
  );
});
