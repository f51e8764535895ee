import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { password } from "../fixture.ts";
import { accepted, type House, openHouse, path, refused, type ShownEvent } from "../rooms/house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

const bodies = (events: ShownEvent[], sender: string) =>
  events
    .filter((event) => event.sender === sender && event.type === "m.room.message")
    .map((event) => event.content.body);

test("whoever joins after an erasure is shown nothing of what was said; whoever was there is", async () => {
  const { ada, ben, cleo, fixture } = house;
  const dora = await fixture.user("dora");
  const room = await house.make(ada, { preset: "public_chat", name: "Kitchen" });
  for (const user of [ben, dora]) accepted(await house.act(user, "join", room));
  accepted(
    await house.call(dora, "PUT", `/profile/${path(dora.userId)}/displayname`, { displayname: "Dora D." }),
  );
  const said = await house.say(dora, room, "private matters");
  await house.say(ben, room, "I heard");

  const auth = { type: "m.login.password", identifier: { type: "m.id.user", user: "dora" }, password };
  accepted(await house.call(dora, "POST", "/account/deactivate", { erase: true, auth }));

  for (const user of [ada, ben]) {
    assert.deepEqual(bodies(await house.history(user, room), dora.userId), ["private matters"]);
  }
  accepted(await house.act(cleo, "join", room));
  const seen = await house.history(cleo, room);
  assert.deepEqual(bodies(seen, dora.userId), [undefined]);
  assert.deepEqual(bodies(seen, ben.userId), ["I heard"]);
  assert.doesNotMatch(JSON.stringify(seen), /private matters|Dora D\./);
  assert.deepEqual((await house.event(cleo, room, said)).body.content, {});
  const sync = await house.call(cleo, "GET", "/sync");
  assert.doesNotMatch(JSON.stringify(sync.body), /private matters|Dora D\./);
  const around = await house.call(cleo, "GET", `/rooms/${path(room)}/context/${path(said)}`);
  assert.doesNotMatch(JSON.stringify(around.body), /private matters|Dora D\./);

  refused(await house.call(ada, "GET", `/profile/${path(dora.userId)}/displayname`), 404, "M_NOT_FOUND");
  await fixture.restart();
  assert.deepEqual(bodies(await house.history(cleo, room), dora.userId), [undefined]);
  assert.deepEqual(bodies(await house.history(ada, room), dora.userId), ["private matters"]);
});

test("without erase everything stays to be read, and it may be asked for later", async () => {
  const { ada, ben, cleo, fixture } = house;
  const emil = await fixture.user("emil");
  const keeper = await fixture.user("keeper");
  const room = await house.make(ada, { preset: "public_chat" });
  accepted(await house.act(emil, "join", room));
  await house.say(emil, room, "hello there");
  const deactivate = (body: object) =>
    fixture.request("POST", "/_burrow/admin/v1/members/emil/deactivate", { token: keeper.token, body });
  accepted(await deactivate({}));
  accepted(await house.act(ben, "join", room));
  assert.deepEqual(bodies(await house.history(ben, room), emil.userId), ["hello there"]);
  accepted(await deactivate({ erase: true }));
  assert.deepEqual(bodies(await house.history(ben, room), emil.userId), ["hello there"]);
  accepted(await house.act(cleo, "join", room));
  assert.deepEqual(bodies(await house.history(cleo, room), emil.userId), [undefined]);
});
