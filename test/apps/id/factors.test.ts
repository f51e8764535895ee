/** The pages of factors and keys in this process, on real members; who has signed in is the test's word. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Hono } from "hono";
import { mountFactors } from "../../../origin/apps/id/factors/mount-factors.ts";
import { mountKeys } from "../../../origin/apps/id/factors/mount-keys.ts";
import { mountSecondStep } from "../../../origin/apps/id/factors/mount-second-step.ts";
import type { Identity } from "../../../origin/gate/identity.ts";
import type { HttpEnv, RequestContext } from "../../../origin/http/request-context.ts";
import type { Member } from "../../../origin/members/members.ts";
import { createPages } from "../../../origin/pages/pages.ts";
import { memberPassword, openHousehold, settle } from "../../members/open-members.ts";
import { appCode } from "../../support/app-code.ts";
import { createPasskey, signWithPasskey } from "../../support/software-authenticator.ts";

const origin = "https://id.example.org";
const here = { origin, rpId: "example.org" };
const device = { via: "device" } as const;

async function openPages(t: TestContext) {
  const { members, clock } = await openHousehold(t);
  const { ownerId, invite } = await settle(members);
  const ben = await members.register({ name: "ben", password: memberPassword, inviteToken: invite });
  const state: { identity: Identity | undefined; pending: Member | undefined; attempts: object[] } = {
    identity: undefined,
    pending: undefined,
    attempts: [],
  };
  const signIn = (memberId: number, via: Identity["via"] = "session") => {
    const { name, role } = members.get(memberId) ?? { name: "", role: "member" };
    state.identity = { memberId, name, role, via, scopes: "all", sessionId: 1, authenticatedAt: clock.now };
  };
  const { layout } = createPages("example.org");
  const routes = new Hono<HttpEnv>();
  const context = {
    members,
    now: () => clock.now,
    config: { serverName: "example.org" },
    guesses: {
      async attempt<T>(asked: RequestContext, attempt: object, work: (turn: { source: string }) => T) {
        state.attempts.push(attempt);
        const found = await work({ source: "" });
        asked.guess = found === undefined ? "failed" : "ok";
        return found;
      },
    },
  } as unknown as Parameters<typeof mountFactors>[1]["context"];
  const scripts = { passkey: "/passkey.js", shownOnce: "/shown-once.js" };
  const requireFresh = (_c: unknown, next: string) =>
    Promise.resolve(state.identity ?? new Response(null, { status: 303, headers: { location: next } }));
  mountFactors(routes, { context, layout, scripts, requireFresh });
  mountKeys(routes, { context, layout, scripts, requireFresh });
  mountSecondStep(routes, {
    context,
    layout,
    script: scripts.passkey,
    pending: () => state.pending,
    complete: (c, member, next) => Promise.resolve(c.text(`${member.name} ${next}`)),
    completePending: (c, member) => Promise.resolve(c.text(`${member.name} at last`)),
    deviceCookie: () => undefined,
  });

  async function ask(method: string, path: string, fields: Record<string, string> = {}, headers = {}) {
    const client = { host: "id.example.org", scheme: "https", address: "192.0.2.7", ray: "", country: "" };
    const asked: RequestContext = { client: { ...client, scheme: "https" }, guess: "none" };
    const request = new Request(origin + path, {
      method,
      headers: { origin, ...headers },
      ...(method === "POST" && { body: new URLSearchParams(fields) }),
    });
    const answer = await routes.fetch(request, { context: asked });
    return { status: answer.status, text: await answer.text(), headers: answer.headers, guess: asked.guess };
  }
  const post = (path: string, fields?: Record<string, string>, headers = {}) =>
    ask("POST", path, fields, headers);
  return { members, clock, ownerId, benId: ben.id, ben, state, signIn, ask, post, routes };
}

const everyAct = [
  "/factors/passkeys/options",
  "/factors/passkeys",
  "/factors/passkeys/1/name",
  "/factors/passkeys/1/remove",
  "/factors/authenticator",
  "/factors/authenticator/confirm",
  "/factors/authenticator/remove",
  "/factors/recovery-codes",
  "/keys/app-password",
  "/keys/api-key",
  "/keys/1/revoke",
];

const filled = { name: "x", scope: "mail", days: "90", code: "123456", answer: "{}" };

test("every act wants a fresh sign-in, from a page of this host, by a person", async (t) => {
  const { members, benId, signIn, state, post, ask, routes } = await openPages(t);
  const listed = routes.routes.filter(
    ({ method, path }) => method === "POST" && !path.startsWith("/sign-in"),
  );
  assert.equal(listed.length, everyAct.length);
  await members.keys.create(device, {
    memberId: benId,
    kind: "app-password",
    name: "kept",
    scopes: ["mail"],
  });
  for (const path of everyAct) {
    state.identity = undefined;
    const stale = await post(path, filled);
    assert.deepEqual([stale.status, stale.headers.get("location")], [303, `/${path.split("/")[1]}`], path);
    for (const via of ["api-key", "app-password", "access", "oauth"] as const) {
      signIn(benId, via);
      assert.equal((await post(path, filled)).status, 403, `${path} by ${via}`);
    }
    signIn(benId);
    for (const headers of [{ origin: "https://app.example.org" }, { "sec-fetch-site": "same-site" }]) {
      assert.equal((await post(path, filled, headers)).status, 403, `${path} from elsewhere`);
    }
  }
  for (const path of ["/factors", "/keys"]) {
    state.identity = undefined;
    assert.equal((await ask("GET", path)).status, 303);
  }
  assert.equal(members.keys.list(benId).length, 1);
  assert.equal(members.keys.list(benId)[0]?.revokedAt, null);
  assert.equal(members.secondFactors(benId).required, false);
});

test("nothing that is sent breaks a page, and what is refused says why", async (t) => {
  const { benId, signIn, state, post, ben } = await openPages(t);
  signIn(benId);
  state.pending = ben;
  const hostile = [
    "",
    "null",
    "[]",
    "{",
    '{"id":{}}',
    "\0",
    "%",
    "9".repeat(500),
    "<script>alert(1)</script>",
  ];
  const paths = [...everyAct, "/factors/passkeys/x/remove", "/keys/9999999999999999/revoke"];
  for (const path of [...paths, "/sign-in/second-step", "/sign-in/passkey"]) {
    for (const value of hostile) {
      const fields = { name: value, scope: value, days: value, code: value, answer: value, next: value };
      const { status, text } = await post(path, fields);
      assert.ok(status < 500, `${path} ${status}`);
      assert.equal(text.includes("<script>alert"), false, path);
    }
  }
});

test("one member's pages show and change nothing of another's", async (t) => {
  const { members, ownerId, benId, signIn, post, ask } = await openPages(t);
  const key = { memberId: ownerId, kind: "app-password", name: "Adas mail", scopes: ["mail"] } as const;
  const { id } = await members.keys.create(device, key);
  const { answer } = createPasskey(await members.passkeys.beginRegistration(device, ownerId), here);
  const passkey = { memberId: ownerId, answer, origin, name: "Adas phone" };
  const { id: passkeyId } = await members.passkeys.register(device, passkey);
  signIn(benId);
  assert.equal((await post(`/keys/${id}/revoke`)).status, 403);
  await post(`/factors/passkeys/${passkeyId}/remove`);
  await post(`/factors/passkeys/${passkeyId}/name`, { name: "Mine" });
  assert.equal(members.keys.list(ownerId)[0]?.revokedAt, null);
  assert.deepEqual(
    members.passkeys.list(ownerId).map(({ name }) => name),
    ["Adas phone"],
  );
  for (const path of ["/factors", "/keys"])
    assert.equal((await ask("GET", path)).text.includes("Adas"), false);
});

test("recovery codes come with the first factor, once, and open what they say", async (t) => {
  const { members, benId, signIn, post, ask } = await openPages(t);
  signIn(benId);
  const options = JSON.parse((await post("/factors/passkeys/options")).text);
  const { answer } = createPasskey(options, here);
  const added = await post("/factors/passkeys", { answer: JSON.stringify(answer), name: "Phone" });
  const codes = [...added.text.matchAll(/<code>([0-9a-z-]{19})<\/code>/g)].map((match) => match[1] ?? "");
  assert.equal(codes.length, 10);
  assert.equal(added.headers.get("cache-control"), "no-store");
  const page = (await ask("GET", "/factors?done=added")).text;
  assert.match(page, /The passkey is added/);
  assert.equal(
    codes.some((code) => page.includes(code)),
    false,
  );
  assert.equal((await ask("GET", "/factors?done=constructor")).status, 200);
  assert.equal(await members.recoveryCodes.use(benId, codes[3] ?? ""), true);
});

test("an authenticator app is set up in two steps; a wrong code asks for the digits again", async (t) => {
  const { members, clock, benId, signIn, post } = await openPages(t);
  signIn(benId);
  const { text } = await post("/factors/authenticator");
  const secret = /secret=([A-Z2-7]{32})/.exec(text)?.[1] ?? "";
  assert.match(text, /<svg[^>]*><rect/);
  const wrong = await post("/factors/authenticator/confirm", { code: "000000" });
  assert.equal(wrong.status, 422);
  assert.match(wrong.text, /role="alert"/);
  const done = await post("/factors/authenticator/confirm", { code: appCode(secret, clock.now) });
  assert.match(done.text, /Your recovery codes/);
  assert.equal(members.secondFactors(benId).totp, true);
});

test("an app password and an API key are shown once, good for what and how long was chosen", async (t) => {
  const { members, clock, benId, signIn, post, ask } = await openPages(t);
  signIn(benId);
  const app = await post("/keys/app-password", { name: "<Mail>", scope: "mail", days: "0" });
  const secret = /burrow_app_[0-9a-z-]{34}/.exec(app.text)?.[0] ?? "";
  assert.deepEqual(members.keys.verify("app-password", secret, "")?.key.scopes, ["mail"]);
  const api = await post("/keys/api-key", { name: "Script", scope: "files", days: "90" });
  assert.match(api.text, /burrow_key_/);
  assert.equal(members.keys.list(benId)[0]?.expiresAt, clock.now + 90 * 24 * 60 * 60 * 1000);
  const listed = (await ask("GET", "/keys")).text;
  assert.match(listed, /&lt;Mail&gt;/);
  assert.equal(listed.includes(secret), false);
  for (const [kind, fields] of [
    ["api-key", { name: "x", scope: "files", days: "0" }],
    ["api-key", { name: "x", scope: "files", days: "3650" }],
    ["api-key", { name: "x", scope: "admin:write", days: "90" }],
    ["app-password", { name: "x", days: "0" }],
  ] as const) {
    const refused = await post(`/keys/${kind}`, fields);
    assert.equal(refused.status, 422);
    assert.match(refused.text, /role="alert"/);
  }
  assert.equal(members.keys.list(benId).length, 2);
});

test("the second step takes a passkey, digits or a recovery code of who is pending, and counts every try", async (t) => {
  const { members, clock, benId, ben, ownerId, state, post, ask } = await openPages(t);
  assert.equal((await ask("GET", "/sign-in/second-step")).headers.get("location"), "/sign-in");
  assert.equal((await post("/sign-in/second-step", { code: "1" })).headers.get("location"), "/sign-in");
  assert.equal((await post("/sign-in/second-step/options")).status, 401);
  const { secret } = await members.totp.begin(device, benId);
  await members.totp.confirm(device, benId, appCode(secret, clock.now));
  const [code = ""] = await members.recoveryCodes.regenerate(device, benId);
  const { passkey, answer } = createPasskey(await members.passkeys.beginRegistration(device, benId), here);
  await members.passkeys.register(device, { memberId: benId, answer, origin, name: "" });
  const adas = createPasskey(await members.passkeys.beginRegistration(device, ownerId), here);
  await members.passkeys.register(device, { memberId: ownerId, answer: adas.answer, origin, name: "" });
  clock.now += 60_000;
  state.pending = ben;
  const options = async () => JSON.parse((await post("/sign-in/second-step/options")).text);
  const step = (fields: Record<string, string>) => post("/sign-in/second-step", fields);
  const signed = async (by: typeof passkey) => JSON.stringify(signWithPasskey(by, await options(), here));
  const wrong = [
    { code: "000000" },
    { recovery: "aaaa-bbbb-cccc-dddd" },
    { answer: await signed(adas.passkey) },
    { answer: "{}" },
    {},
  ];
  for (const fields of wrong) {
    const { status, text, guess } = await step(fields);
    assert.deepEqual([status, guess], [403, "failed"], JSON.stringify(fields));
    assert.match(text, /role="alert" id="[a-z]+-problem">/);
  }
  for (const fields of [
    { code: appCode(secret, clock.now) },
    { recovery: code },
    { answer: await signed(passkey) },
  ]) {
    const { text, guess } = await step(fields);
    assert.deepEqual([text, guess], ["ben at last", "ok"]);
  }
  assert.equal((await step({ code: appCode(secret, clock.now) })).status, 403);
  assert.equal((await step({ recovery: code })).status, 403);
  assert.equal(state.attempts.length, wrong.length + 5);
  assert.deepEqual(state.attempts[0], {
    kind: "second-factor",
    account: "ben",
    credential: "000000",
    deviceCookie: undefined,
  });
});

test("a passkey alone signs in whoever it belongs to, once for each challenge", async (t) => {
  const { members, benId, post, state } = await openPages(t);
  const { passkey, answer } = createPasskey(await members.passkeys.beginRegistration(device, benId), here);
  await members.passkeys.register(device, { memberId: benId, answer, origin, name: "" });
  const options = JSON.parse((await post("/sign-in/passkey/options")).text);
  assert.equal(options.allowCredentials.length, 0);
  const signed = JSON.stringify(signWithPasskey(passkey, options, here));
  const first = await post("/sign-in/passkey", { answer: signed, next: "/factors" });
  assert.deepEqual([first.text, first.guess], ["ben /factors", "ok"]);
  const replayed = await post("/sign-in/passkey", { answer: signed });
  assert.deepEqual([replayed.status, replayed.guess], [403, "failed"]);
  assert.equal(state.attempts.length, 2);
  assert.equal(
    (await post("/sign-in/passkey", { answer: signed }, { origin: "https://evil.example" })).status,
    403,
  );
});
