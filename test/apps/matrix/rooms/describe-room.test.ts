import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accepted, type House, openHouse, path, refused } from "./house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

const summaryOf = (user: House["ada"], room: string) =>
  house.call(user, "GET", `/v1/room_summary/${path(room)}`);

test("a summary tells what one may know before joining, by id and by alias", async () => {
  const { ada, ben } = house;
  const hall = await house.make(ada, { preset: "public_chat" });
  const allow = [
    { type: "m.room_membership", room_id: hall },
    { type: "org.example.other" },
    "nonsense",
    { type: "m.room_membership" },
  ];
  const room = await house.make(ada, {
    name: "Study",
    topic: "Quiet",
    room_alias_name: "study",
    room_version: "12",
    invite: [ben.userId],
    initial_state: [
      { type: "m.room.avatar", content: { url: "mxc://burrow.localhost/books" } },
      { type: "m.room.encryption", content: { algorithm: "m.megolm.v1.aes-sha2" } },
      { type: "m.room.join_rules", content: { join_rule: "restricted", allow } },
    ],
  });
  const expected = {
    room_id: room,
    name: "Study",
    topic: "Quiet",
    avatar_url: "mxc://burrow.localhost/books",
    canonical_alias: "#study:burrow.localhost",
    num_joined_members: 1,
    world_readable: false,
    guest_can_join: true,
    join_rule: "restricted",
    allowed_room_ids: [hall],
    room_version: "12",
    encryption: "m.megolm.v1.aes-sha2",
    membership: "invite",
  };
  for (const name of [room, "#study:burrow.localhost"]) {
    assert.deepEqual((await summaryOf(ben, name)).body, expected);
  }
  assert.equal((await summaryOf(ada, room)).body.membership, "join");
  assert.equal((await summaryOf(ben, hall)).body.membership, "leave");
  assert.equal("allowed_room_ids" in (await summaryOf(ben, hall)).body, false);

  const unstable = "/_matrix/client/unstable/im.nheko.summary";
  for (const older of [`summary/${path(room)}`, `rooms/${path(room)}/summary`]) {
    const reply = await house.fixture.request("GET", `${unstable}/${older}`, { token: ben.token });
    assert.deepEqual(reply.body, {
      ...expected,
      "im.nheko.summary.room_version": "12",
      "im.nheko.summary.version": "12",
      "im.nheko.summary.encryption": "m.megolm.v1.aes-sha2",
    });
    refused(await house.fixture.request("GET", `${unstable}/${older}`), 401, "M_MISSING_TOKEN");
  }
});

test("a room that one could not enter is as good as none, and without an account all are", async () => {
  const { ada, ben, cleo } = house;
  const closed = await house.make(ada, { room_alias_name: "closed" });
  const outside = await summaryOf(ben, closed);
  refused(outside, 404, "M_NOT_FOUND");
  assert.deepEqual(outside.body, (await summaryOf(ben, "!nothing:burrow.localhost")).body);
  refused(await summaryOf(ben, "#closed:burrow.localhost"), 404, "M_NOT_FOUND");
  refused(await summaryOf(ben, "#nothing:burrow.localhost"), 404, "M_NOT_FOUND");
  refused(await summaryOf(ben, "nothing"), 400, "M_INVALID_PARAM");

  const open = await house.make(ada, { preset: "public_chat" });
  accepted(await summaryOf(cleo, open));
  accepted(await house.act(ada, "ban", open, { user_id: cleo.userId }));
  refused(await summaryOf(cleo, open), 404, "M_NOT_FOUND");
  for (const room of [open, closed, "!nothing:burrow.localhost"]) {
    refused(await house.fixture.request("GET", `/v1/room_summary/${path(room)}`), 401, "M_MISSING_TOKEN");
  }
});
