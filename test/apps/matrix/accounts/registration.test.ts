import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createFixture, password } from "../fixture.ts";

const fixture = await createFixture();
after(() => fixture.close());
await fixture.user("ada");

const stage = "m.login.registration_token";
const register = (body: unknown, query = "") => fixture.request("POST", `/v3/register${query}`, { body });
/** What somebody can learn from the answer: all but the session, which is new each time. */
async function bare(username: string, auth?: object): Promise<object> {
  const { status, body, guess } = await register({ username, password, ...(auth && { auth }) });
  return { status, guess, body: { ...body, session: "" } };
}
const withToken = (username: string, token: string, rest: object = {}) =>
  register({ username, password, auth: { type: stage, token }, ...rest });

test("the first answer says which stage there is, even to an empty request", async () => {
  const answer = await register({});
  assert.equal(answer.status, 401);
  assert.deepEqual(answer.body.flows, [{ stages: [stage] }]);
  assert.deepEqual([answer.body.completed, answer.body.params], [[], {}]);
  assert.equal(typeof answer.body.session, "string");
  // An errcode would say that a stage has failed.
  assert.equal(answer.body.errcode, undefined);
  assert.equal(answer.guess, "none");
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
});

test("a client goes from the challenge to an account that can talk", async () => {
  const request = { username: "Ben", password, initial_device_display_name: "Phone", device_id: "PHONE" };
  const { session } = (await register(request)).body;
  // Cinny asks with the session alone where it stands.
  const asked = await register({ ...request, auth: { session } });
  assert.deepEqual([asked.status, asked.body.errcode], [401, undefined]);
  const auth = { type: stage, token: await fixture.invite(), session: asked.body.session };
  const answer = await register({ ...request, auth });
  assert.equal(answer.status, 200);
  assert.deepEqual([answer.body.user_id, answer.body.device_id], ["@ben:burrow.localhost", "PHONE"]);
  assert.equal(answer.guess, "ok");
  const me = await fixture.request("GET", "/v3/account/whoami", { token: answer.body.access_token });
  assert.equal(me.body.user_id, "@ben:burrow.localhost");
});

test("a wrong token fails the stage, a used one too", async () => {
  const token = await fixture.invite();
  assert.equal((await withToken("dora", token, { inhibit_login: true })).status, 200);
  for (const wrong of [token, "bit_nonsense", ""]) {
    const answer = await withToken("emil", wrong);
    assert.deepEqual([answer.status, answer.body.errcode, answer.body.completed], [401, "M_FORBIDDEN", []]);
    assert.deepEqual(answer.body.flows, [{ stages: [stage] }]);
    assert.equal(answer.guess, "failed");
  }
  assert.equal(fixture.members.find("emil"), undefined);
});

test("no other stage makes an account", async () => {
  for (const type of ["m.login.dummy", "m.login.password", "m.login.email.identity", ""]) {
    const answer = await register({
      username: "emil",
      password,
      auth: { type, token: await fixture.invite() },
    });
    assert.equal(answer.status, 401, type);
    assert.equal(answer.guess, "none");
  }
  assert.equal(fixture.members.find("emil"), undefined);
});

test("without a good token a taken name looks like a free one", async () => {
  assert.deepEqual(await bare("ada"), await bare("free-name"));
  const wrong = { type: stage, token: "bit_nonsense" };
  assert.deepEqual(await bare("ada", wrong), await bare("free-name", wrong));
});

test("with a good token a taken name or a weak password is told, and the token stays good", async () => {
  const token = await fixture.invite();
  const taken = await withToken("ADA", token);
  assert.deepEqual([taken.status, taken.body.errcode], [400, "M_USER_IN_USE"]);
  const weak = await withToken("fay", token, { password: "short" });
  assert.deepEqual([weak.status, weak.body.errcode], [400, "M_WEAK_PASSWORD"]);
  const missing = await withToken("fay", token, { password: undefined });
  assert.deepEqual([missing.status, missing.body.errcode], [400, "M_MISSING_PARAM"]);
  assert.equal((await withToken("fay", token)).status, 200);
});

test("a name that cannot be is refused at once", async () => {
  for (const username of ["", "two words", "ümlaut", "@ada", "admin", "x".repeat(101)]) {
    const answer = await register({ username, password });
    assert.deepEqual([answer.status, answer.body.errcode], [400, "M_INVALID_USERNAME"], username);
  }
});

test("fifty at the same time with one token make one account", async () => {
  const token = await fixture.invite();
  const names = Array.from({ length: 50 }, (_, index) => `crowd${index}`);
  const answers = await Promise.all(names.map((name) => withToken(name, token)));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  assert.equal(names.filter((name) => fixture.members.find(name)).length, 1);
  assert.ok(answers.every(({ status }) => status === 200 || status === 401 || status === 429));
});

test("a session serves only the request that it was opened for, and not for ever", async () => {
  const request = { username: "gus", password };
  const token = await fixture.invite();
  const { session } = (await register({ ...request, username: "other" })).body;
  const other = await register({ ...request, auth: { type: stage, token, session } });
  assert.deepEqual([other.status, other.body.errcode], [401, undefined]);
  assert.notEqual(other.body.session, session);

  fixture.clock.now += 60 * 60 * 1000;
  const late = await register({ ...request, auth: { type: stage, token, session: other.body.session } });
  assert.deepEqual([late.status, late.body.errcode], [401, undefined]);
  const again = { type: stage, token, session: late.body.session };
  assert.equal((await register({ ...request, auth: again })).status, 200);
});

test("a session from before a restart gets a fresh challenge", async () => {
  const request = { username: "hal", password };
  const { session } = (await register(request)).body;
  const token = await fixture.invite();
  await fixture.restart();
  const refused = await register({ ...request, auth: { type: stage, token, session } });
  assert.deepEqual([refused.status, refused.body.errcode], [401, undefined]);
});

test("login can be left out, and guests are not let in", async () => {
  const answer = await withToken("ida", await fixture.invite(), { inhibit_login: true });
  assert.deepEqual(answer.body, { user_id: "@ida:burrow.localhost" });
  const guest = await register({}, "?kind=guest");
  assert.deepEqual([guest.status, guest.body.errcode], [403, "M_GUEST_ACCESS_FORBIDDEN"]);
});

test("a client without a wish is given a name, one that can refresh a refresh token", async () => {
  const auth = { type: stage, token: await fixture.invite() };
  const { body } = await register({ password, auth, refresh_token: true });
  assert.match(body.user_id, /^@u[0-9a-f]{12}:burrow\.localhost$/);
  assert.equal(typeof body.refresh_token, "string");
});

test("whether a name or a token is good is told to members only", async () => {
  const { token } = await fixture.user("ada");
  const available = (name: string, as?: string) =>
    fixture.request("GET", `/v3/register/available?username=${name}`, as === undefined ? {} : { token: as });
  assert.deepEqual((await available("ada")).body, { available: true });
  assert.deepEqual((await available("nobody-yet")).body, { available: true });
  assert.equal((await available("ada", "bat_nonsense")).body.available, true);
  assert.equal((await available("ada", token)).body.errcode, "M_USER_IN_USE");
  assert.equal((await available("nobody-yet", token)).body.available, true);
  assert.equal((await available("no%20name")).body.errcode, "M_INVALID_USERNAME");

  const path = `/v1/register/${stage}/validity?token=`;
  const invite = await fixture.invite();
  const outside = await fixture.request("GET", `${path}bit_nonsense`);
  assert.deepEqual([outside.body, outside.guess], [{ valid: true }, "none"]);
  assert.deepEqual((await fixture.request("GET", path + invite, { token })).body, { valid: true });
  const inside = await fixture.request("GET", `${path}bit_nonsense`, { token });
  assert.deepEqual([inside.body, inside.guess], [{ valid: false }, "failed"]);
});
