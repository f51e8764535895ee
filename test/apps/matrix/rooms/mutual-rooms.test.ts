import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accepted, type House, openHouse, path, refused } from "./house.ts";

let house: House;
before(async () => void (house = await openHouse()));
after(() => house.fixture.close());

const ask = (user: House["ada"], query: string) => house.call(user, "GET", `/v1/mutual_rooms?${query}`);
const older = (query: string) =>
  house.fixture.request("GET", `/_matrix/client/unstable/uk.half-shot.msc2666/user/mutual_rooms?${query}`, {
    token: house.ada.token,
  });

test("the rooms that both are in now, page by page, in both forms", async () => {
  const { ada, ben, cleo } = house;
  const shared: string[] = [];
  for (let room = 0; room < 101; room += 1) {
    shared.push(await house.make(ada, { preset: "public_chat" }));
    accepted(await house.act(ben, "join", shared.at(-1)!));
  }
  await house.make(ada, { invite: [ben.userId] });
  const left = await house.make(ada, { preset: "public_chat" });
  accepted(await house.act(ben, "join", left));
  accepted(await house.act(ben, "leave", left));

  const them = `user_id=${path(ben.userId)}`;
  const first = (await ask(ada, them)).body;
  assert.deepEqual([first.joined, first.count], [shared.slice(0, 100), 101]);
  const second = (await ask(ada, `${them}&from=${first.next_batch}`)).body;
  assert.deepEqual(second, { joined: shared.slice(100), count: 101 });
  const old = (await older(them)).body;
  assert.deepEqual(old, { joined: first.joined, count: 101, next_batch_token: first.next_batch });
  assert.deepEqual((await older(`${them}&batch_token=${old.next_batch_token}`)).body, second);

  assert.deepEqual((await ask(cleo, them)).body, { joined: [], count: 0 });
  assert.deepEqual((await ask(ada, `user_id=${path("@nobody:example.org")}`)).body, { joined: [], count: 0 });
});

test("asking for nobody, for oneself or with an invented token is refused", async () => {
  const { ada } = house;
  for (const query of ["", "user_id=ben", `user_id=${path(ada.userId)}`, "user_id=%40b:c&from=x"]) {
    refused(await ask(ada, query), 400, "M_INVALID_PARAM");
  }
  refused(await house.fixture.request("GET", "/v1/mutual_rooms?user_id=%40b:c"), 401, "M_MISSING_TOKEN");
});
