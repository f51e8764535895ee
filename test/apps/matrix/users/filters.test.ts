import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createFixture, type Fixture, type User } from "../fixture.ts";

let fixture: Fixture;
let ada: User;
let ben: User;
before(async () => {
  fixture = await createFixture();
  ada = await fixture.user("ada");
  ben = await fixture.user("ben");
});
after(() => fixture.close());

const path = (user: User, id = ""): string =>
  `/v3/user/${encodeURIComponent(user.userId)}/filter${id && `/${id}`}`;
const store = (user: User, body: unknown, token = user.token) =>
  fixture.request("POST", path(user), { token, body });

test("a stored filter comes back; the same one again has the same id, also at once", async () => {
  const filter = { room: { timeline: { limit: 5, types: ["m.room.*"] } }, event_fields: ["content.body"] };
  const sameInOtherOrder = {
    event_fields: ["content.body"],
    room: { timeline: { types: ["m.room.*"], limit: 5 } },
  };
  const replies = await Promise.all([store(ada, filter), store(ada, sameInOtherOrder), store(ada, filter)]);
  const ids = new Set(replies.map((reply) => reply.body.filter_id));
  assert.equal(ids.size, 1);
  const [id] = ids;
  assert.doesNotMatch(id, /^\{/);
  const reply = await fixture.request("GET", path(ada, id), { token: ada.token });
  assert.deepEqual(reply.body, filter);
  assert.ok(fixture.matrix.filters.get(ada.userId, id));
  assert.notEqual((await store(ada, { room: { timeline: { limit: 6 } } })).body.filter_id, id);
});

test("filters are each user's own", async () => {
  const { filter_id: id } = (await store(ada, { room: { include_leave: true } })).body;
  assert.equal((await fixture.request("GET", path(ada, id), { token: ben.token })).status, 403);
  assert.equal((await store(ada, {}, ben.token)).status, 403);
  const foreign = await fixture.request("GET", path(ben, id), { token: ben.token });
  assert.equal(foreign.status, 404);
  assert.equal(foreign.body.errcode, "M_NOT_FOUND");
});

test("a filter that makes no sense is refused, unknown ids are not found", async () => {
  for (const body of [
    { room: "all" },
    { room: { timeline: { limit: "ten" } } },
    { event_fields: "content" },
  ]) {
    assert.equal((await store(ada, body)).status, 400, JSON.stringify(body));
  }
  for (const id of ["0", "1e0", "01", "999999", "x", "%7B%7D"]) {
    assert.equal((await fixture.request("GET", path(ada, id), { token: ada.token })).status, 404, id);
  }
});
