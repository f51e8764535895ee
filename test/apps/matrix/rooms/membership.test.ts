import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accepted, type House, openHouse, path, refused } from "./house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

const memberOf = async (room: string, userId: string) =>
  (await house.call(house.ada, "GET", `/rooms/${path(room)}/state/m.room.member/${path(userId)}`)).body;

test("joining twice is joining once, and bears the name that one goes by", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  accepted(
    await house.call(ben, "PUT", `/profile/${path(ben.userId)}/displayname`, { displayname: "Benedict" }),
  );
  for (const reason of ["curious", "again"]) {
    assert.deepEqual((await house.act(ben, "join", room, { reason })).body, { room_id: room });
  }
  assert.deepEqual(await memberOf(room, ben.userId), {
    displayname: "Benedict",
    membership: "join",
    reason: "curious",
  });
  const joins = (await house.history(ada, room)).filter((event) => event.state_key === ben.userId);
  assert.equal(joins.length, 1);
  assert.ok((await house.call(ben, "GET", "/joined_rooms")).body.joined_rooms.includes(room));
});

test("a private room takes the invited only, and an invitation can be turned down", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada);
  refused(await house.act(ben, "join", room), 403, "M_FORBIDDEN");
  accepted(await house.act(ada, "invite", room, { user_id: ben.userId, reason: "come" }));
  accepted(await house.act(ben, "leave", room));
  assert.equal((await memberOf(room, ben.userId)).membership, "leave");
  refused(await house.act(ben, "join", room), 403, "M_FORBIDDEN");
  accepted(await house.act(ada, "invite", room, { user_id: ben.userId }));
  accepted(await house.act(ben, "join", room));
  // Ordinary members of a private chat may invite too.
  accepted(await house.act(ben, "invite", room, { user_id: house.cleo.userId }));
});

test("only people who are here can be invited, and not those who are in, or banned, or closed to it", async () => {
  const { ada, ben, cleo } = house;
  const room = await house.make(ada, { invite: [ben.userId] });
  const invite = (user_id: unknown) => house.act(ada, "invite", room, { user_id });
  refused(await invite("@nobody:burrow.localhost"), 404, "M_NOT_FOUND");
  refused(await invite("@ada:example.org"), 403, "M_FORBIDDEN");
  refused(await invite("nonsense"), 403, "M_FORBIDDEN");
  refused(await invite(7), 400, "M_BAD_JSON");
  refused(await house.act(ada, "invite", room, {}), 400, "M_MISSING_PARAM");
  accepted(await house.act(ben, "join", room));
  refused(await invite(ben.userId), 403, "M_FORBIDDEN");
  accepted(await house.act(ada, "ban", room, { user_id: cleo.userId }));
  refused(await invite(cleo.userId), 403, "M_FORBIDDEN");
  // The same door stands behind PUT …/state.
  const member = (content: object, key: string) => house.setState(ada, room, "m.room.member", content, key);
  refused(await member({ membership: "invite" }, "@nobody:burrow.localhost"), 404, "M_NOT_FOUND");

  const settings = `/user/${path(ben.userId)}/account_data/m.invite_permission_config`;
  accepted(await house.call(ben, "PUT", settings, { default_action: "block" }));
  const other = await house.make(ada);
  refused(await house.act(ada, "invite", other, { user_id: ben.userId }), 403, "M_INVITE_BLOCKED");
  accepted(await house.call(ben, "PUT", settings, {}));
});

test("a ban holds in a public room, until somebody with both levels lifts it", async () => {
  const { ada, ben, cleo } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  for (const user of [ben, cleo]) accepted(await house.act(user, "join", room));
  refused(await house.act(ben, "ban", room, { user_id: cleo.userId }), 403, "M_FORBIDDEN");
  accepted(await house.act(ada, "ban", room, { user_id: ben.userId, reason: "spam" }));
  assert.deepEqual(await memberOf(room, ben.userId), { membership: "ban", reason: "spam" });
  refused(await house.act(ben, "join", room), 403, "M_FORBIDDEN");
  // Neither leaving nor being kicked is a way out of a ban.
  refused(await house.act(ben, "leave", room), 403, "M_FORBIDDEN");
  refused(await house.act(ada, "kick", room, { user_id: ben.userId }), 403, "M_FORBIDDEN");
  refused(await house.act(cleo, "unban", room, { user_id: ben.userId }), 403, "M_FORBIDDEN");
  accepted(await house.act(ada, "unban", room, { user_id: ben.userId }));
  refused(await house.act(ada, "unban", room, { user_id: ben.userId }), 403, "M_FORBIDDEN");
  accepted(await house.act(ben, "join", room));
  // Somebody who is not in the room bans nobody.
  accepted(await house.act(cleo, "leave", room));
  refused(await house.act(cleo, "ban", room, { user_id: ben.userId }), 403, "M_FORBIDDEN");
});

test("only who is there can be kicked", async () => {
  const { ada, ben, cleo } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  refused(await house.act(ada, "kick", room, { user_id: ben.userId }), 403, "M_FORBIDDEN");
  accepted(await house.act(ben, "join", room));
  accepted(await house.act(ada, "kick", room, { user_id: ben.userId, reason: "out" }));
  assert.deepEqual(await memberOf(room, ben.userId), { membership: "leave", reason: "out" });
  refused(await house.act(ada, "kick", room, { user_id: ben.userId }), 403, "M_FORBIDDEN");
  refused(await house.act(ben, "kick", room, { user_id: ada.userId }), 403, "M_FORBIDDEN");
  // An invitation can be taken back so.
  accepted(await house.act(ada, "invite", room, { user_id: cleo.userId }));
  accepted(await house.act(ada, "kick", room, { user_id: cleo.userId }));
});

test("leaving is done once, and never by somebody who was not there", async () => {
  const { ada, ben, cleo } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  accepted(await house.act(ben, "join", room));
  accepted(await house.act(ben, "leave", room, { reason: "bye" }));
  accepted(await house.act(ben, "leave", room));
  refused(await house.act(cleo, "leave", room), 403, "M_FORBIDDEN");
  refused(await house.act(cleo, "leave", "!nothing:burrow.localhost"), 403, "M_FORBIDDEN");
  refused(await house.act(cleo, "join", "!nothing:burrow.localhost"), 404, "M_NOT_FOUND");
});

test("a room that everybody has left is over, for the invited too", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { preset: "public_chat", invite: [ben.userId] });
  accepted(await house.act(ada, "leave", room));
  for (const user of [ada, ben]) refused(await house.act(user, "join", room), 404, "M_NOT_FOUND");
  const put = await house.setState(ben, room, "m.room.member", { membership: "join" }, ben.userId);
  refused(put, 404, "M_NOT_FOUND");
  accepted(await house.act(ben, "leave", room));
});

test("forgetting takes having left, ends reading, and is over with the next invitation", async () => {
  const { ada, ben } = house;
  const room = await house.make(ada, { invite: [ben.userId] });
  accepted(await house.act(ben, "join", room));
  refused(await house.act(ben, "forget", room), 400, "M_UNKNOWN");
  accepted(await house.act(ben, "leave", room));
  assert.notEqual((await house.history(ben, room)).length, 0);
  accepted(await house.act(ben, "forget", room));
  refused(await house.call(ben, "GET", `/rooms/${path(room)}/messages?dir=b`), 403, "M_FORBIDDEN");
  refused(await house.call(ben, "GET", `/rooms/${path(room)}/state`), 403, "M_FORBIDDEN");
  accepted(await house.act(ada, "invite", room, { user_id: ben.userId }));
  accepted(await house.act(ben, "join", room));
  assert.notEqual((await house.history(ben, room)).length, 0);
  refused(await house.act(house.cleo, "forget", room), 403, "M_FORBIDDEN");
});

test("a knock asks for entry where the room takes knocks", async () => {
  const { ada, ben } = house;
  const closed = await house.make(ada);
  refused(await house.call(ben, "POST", `/knock/${path(closed)}`, {}), 403, "M_FORBIDDEN");
  refused(await house.call(ben, "POST", `/knock/${path("#no:burrow.localhost")}`, {}), 404, "M_NOT_FOUND");
  const room = await house.make(ada, {
    initial_state: [{ type: "m.room.join_rules", content: { join_rule: "knock" } }],
  });
  const reply = await house.call(ben, "POST", `/knock/${path(room)}`, { reason: "please" });
  assert.deepEqual(reply.body, { room_id: room });
  const member = await memberOf(room, ben.userId);
  assert.deepEqual([member.membership, member.reason, member.displayname], ["knock", "please", "Benedict"]);
  refused(await house.act(ben, "join", room), 403, "M_FORBIDDEN");
  // Taken back, made again, let in.
  accepted(await house.act(ben, "leave", room));
  accepted(await house.call(ben, "POST", `/knock/${path(room)}`, {}));
  accepted(await house.act(ada, "invite", room, { user_id: ben.userId }));
  accepted(await house.act(ben, "join", room));
});

test("a restricted room lets in who is in a room that it names, in the name of a member who may invite", async () => {
  const { ada, ben, cleo } = house;
  const hall = await house.make(ada, { preset: "public_chat" });
  const restricted = {
    type: "m.room.join_rules",
    content: { join_rule: "restricted", allow: [{ type: "m.room_membership", room_id: hall }] },
  };
  const room = await house.make(ada, { initial_state: [restricted] });
  refused(await house.act(ben, "join", room), 403, "M_FORBIDDEN");
  // Writing the vouching oneself is no way in.
  const forged = { membership: "join", join_authorised_via_users_server: ada.userId };
  refused(await house.setState(ben, room, "m.room.member", forged, ben.userId), 403, "M_FORBIDDEN");
  accepted(await house.act(ben, "join", hall));
  accepted(await house.act(ben, "join", room));
  assert.equal((await memberOf(room, ben.userId)).join_authorised_via_users_server, ada.userId);

  // Clients that change the name in one room send the whole content back.
  const copy = { ...(await memberOf(room, ben.userId)), displayname: "Benny" };
  accepted(await house.setState(ben, room, "m.room.member", copy, ben.userId));
  assert.equal((await memberOf(room, ben.userId)).displayname, "Benny");

  // By PUT …/state the door is the same one.
  accepted(await house.act(cleo, "join", hall));
  accepted(await house.setState(cleo, room, "m.room.member", { membership: "join" }, cleo.userId));
  // A ban is stronger.
  accepted(await house.act(ada, "ban", room, { user_id: cleo.userId }));
  refused(await house.act(cleo, "join", room), 403, "M_FORBIDDEN");
});

test("a restricted room whose members may not invite lets nobody in, and says so to those who might come", async () => {
  const { ada, ben, cleo } = house;
  const hall = await house.make(ada, { preset: "public_chat" });
  const allow = [{ type: "m.room_membership", room_id: hall }];
  for (const joinRule of ["restricted", "knock_restricted"]) {
    const room = await house.make(ada, {
      room_version: "10",
      initial_state: [{ type: "m.room.join_rules", content: { join_rule: joinRule, allow } }],
      power_level_content_override: { invite: 101, ban: 50 },
    });
    accepted(await house.act(ben, "join", hall));
    refused(await house.act(ben, "join", room), 400, "M_UNABLE_TO_GRANT_JOIN");
    refused(await house.act(cleo, "join", room), 403, "M_FORBIDDEN");
    accepted(await house.act(ada, "ban", room, { user_id: ben.userId }));
    refused(await house.act(ben, "join", room), 403, "M_FORBIDDEN");
  }
  // Version 7 does not know the rule: whoever it names stays outside.
  const old = await house.make(ada, {
    room_version: "7",
    initial_state: [{ type: "m.room.join_rules", content: { join_rule: "restricted", allow } }],
  });
  refused(await house.act(ben, "join", old), 403, "M_FORBIDDEN");
});

test("a room may take knocks beside its invitations and its neighbours", async () => {
  const { ada, ben, cleo } = house;
  const hall = await house.make(ada, { preset: "public_chat" });
  const allow = [{ type: "m.room_membership", room_id: hall }];
  const room = await house.make(ada, {
    initial_state: [{ type: "m.room.join_rules", content: { join_rule: "knock_restricted", allow } }],
  });
  const knock = (user: House["ada"]) => house.call(user, "POST", `/knock/${path(room)}`, {});
  accepted(await knock(ben));
  accepted(await knock(ben));
  // Turned away, knocking again, and banned in the end.
  accepted(await house.act(ada, "kick", room, { user_id: ben.userId, reason: "not now" }));
  accepted(await knock(ben));
  accepted(await house.act(ada, "ban", room, { user_id: ben.userId }));
  refused(await knock(ben), 403, "M_FORBIDDEN");
  // Who knocked and then came into the hall needs nobody's answer.
  accepted(await knock(cleo));
  accepted(await house.act(cleo, "join", hall));
  accepted(await house.act(cleo, "join", room));
  refused(await knock(cleo), 403, "M_FORBIDDEN");
});

test("invitations by e-mail are refused as such, a missing user id as what it is", async () => {
  const { ada } = house;
  const room = await house.make(ada);
  const mail = { medium: "email", address: "cleo@example.org", id_server: "example.org" };
  refused(await house.act(ada, "invite", room, mail), 403, "M_THREEPID_DENIED");
  refused(await house.act(ada, "invite", room, {}), 400, "M_MISSING_PARAM");
});

test("nobody writes another's membership", async () => {
  const { ada, ben, cleo } = house;
  const room = await house.make(ada, { preset: "public_chat" });
  accepted(await house.act(ben, "join", room));
  for (const membership of ["join", "leave", "ban"]) {
    refused(await house.setState(ben, room, "m.room.member", { membership }, ada.userId), 403, "M_FORBIDDEN");
  }
  refused(
    await house.setState(ada, room, "m.room.member", { membership: "join" }, cleo.userId),
    403,
    "M_FORBIDDEN",
  );
  for (const content of [{}, { membership: "guest" }, { membership: 1 }]) {
    refused(await house.setState(ben, room, "m.room.member", content, ben.userId), 400, "M_BAD_JSON");
  }
  refused(await house.setState(ben, room, "m.room.member", { membership: "join" }, "ben"), 400, "M_BAD_JSON");
});
