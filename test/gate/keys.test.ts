import assert from "node:assert/strict";
import { test } from "node:test";
import { isFresh, requireFullSession } from "../../origin/gate/full-session.ts";
import type { Identity } from "../../origin/gate/identity.ts";
import { createIdentifyByKey, mayUse } from "../../origin/gate/keys/identify-by-key.ts";
import { ThrottledError } from "../../origin/http/throttled-error.ts";
import type { RequestContext } from "../../origin/http/request-context.ts";
import type { GuessLimits } from "../../origin/gate/guess-limits/guess-limits.ts";
import { memberPassword, openHousehold, refusedAs, settle } from "../members/open-members.ts";

const now = Date.UTC(2026, 5, 1);
const minute = 60_000;

function context(): RequestContext {
  const client = {
    host: "example.org",
    scheme: "https",
    address: "192.0.2.7",
    ray: "",
    country: "",
  } as const;
  return { client: { ...client }, guess: "none" };
}

const session: Identity = {
  memberId: 1,
  name: "ada",
  role: "owner",
  via: "session",
  scopes: "all",
  sessionId: 7,
  authenticatedAt: now,
};

test("only a browser's session has the authority to mint keys; no key has it, whatever it claims", () => {
  assert.deepEqual(requireFullSession(session), { via: "session", memberId: 1 });
  for (const via of ["app-password", "api-key", "access", "oauth"] as const) {
    assert.throws(() => requireFullSession({ ...session, via }), refusedAs("not-allowed"));
  }
  const { sessionId: _, ...without } = session;
  assert.throws(() => requireFullSession(without), refusedAs("not-allowed"));
});

test("a sign-in is fresh for ten minutes, and not at all when it lies in the future", () => {
  const fresh = (authenticatedAt?: number) =>
    isFresh({ ...session, ...(authenticatedAt !== undefined && { authenticatedAt }) }, now);
  assert.equal(fresh(now - 10 * minute + 1), true);
  assert.equal(fresh(now - 10 * minute), false);
  assert.equal(fresh(now + 1), false);
  const { authenticatedAt: _, ...without } = session;
  assert.equal(isFresh(without, now), false);
});

async function door(t: Parameters<typeof openHousehold>[0]) {
  const { members, clock } = await openHousehold(t);
  const { ownerId, invite } = await settle(members);
  const ben = await members.register({ name: "ben", password: memberPassword, inviteToken: invite });
  const tried: object[] = [];
  const guesses: Pick<GuessLimits, "attempt"> = {
    attempt(asked, attempt, work) {
      tried.push(attempt);
      if (attempt.credential === "throttled") throw new ThrottledError(1000);
      return Promise.resolve(work({ source: asked.client.address }));
    },
  };
  const identify = createIdentifyByKey({ members, guesses, serverName: "example.org" });
  const both = { basic: true, bearer: true };
  const basic = (user: string, password: string) =>
    `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  const device = { via: "device" } as const;
  const app = { memberId: ben.id, kind: "app-password", name: "", scopes: ["mail"] } as const;
  const appPassword = (await members.keys.create(device, app)).secret;
  const api = {
    memberId: ownerId,
    kind: "api-key",
    name: "",
    scopes: ["metrics"],
    expiresInMs: minute,
  } as const;
  const apiKey = (await members.keys.create(device, api)).secret;
  return { members, clock, identify, both, basic, appPassword, apiKey, tried, ben };
}

test("an app password is taken with the member's name, address or Matrix id, and with no other's", async (t) => {
  const { identify, both, basic, appPassword, ben } = await door(t);
  for (const user of ["ben", "Ben", "ben@example.org", "@ben:example.org", " BEN@EXAMPLE.ORG "]) {
    const identity = await identify(context(), basic(user, appPassword), both);
    assert.deepEqual(identity, {
      memberId: ben.id,
      name: "ben",
      role: "member",
      via: "app-password",
      scopes: ["mail"],
    });
  }
  for (const user of ["ada", "ben@example.com", "@ben:example.com", "ben@", "@ben", "ben\0", "ben:x"]) {
    assert.equal(await identify(context(), basic(user, appPassword), both), undefined, user);
  }
  assert.equal(await identify(context(), basic("ben", memberPassword), both), undefined);
});

test("an API key is taken as Bearer, and what it is stays visible: its scopes, never a full session", async (t) => {
  const { identify, both, basic, apiKey, clock } = await door(t);
  const identity = await identify(context(), `bearer ${apiKey}`, both);
  assert.ok(identity && identity !== "suspended");
  assert.deepEqual([identity.via, identity.scopes], ["api-key", ["metrics"]]);
  assert.equal(mayUse(identity, "metrics"), true);
  assert.equal(mayUse(identity, "admin:read"), false);
  assert.equal(mayUse({ ...identity, scopes: "all" }, "admin:read"), true);
  assert.throws(() => requireFullSession(identity), refusedAs("not-allowed"));
  assert.equal(await identify(context(), basic("ada", apiKey), both), undefined);
  clock.now += minute;
  assert.equal(await identify(context(), `Bearer ${apiKey}`, both), undefined);
});

test("what is no key of ours, or comes by a way that is not open, is no try at one", async (t) => {
  const { identify, both, basic, appPassword, apiKey, tried } = await door(t);
  const closed: [string, Parameters<typeof identify>[2]][] = [
    ["Bearer bat_abcdef", both],
    ["Digest abc", both],
    ["Basic", both],
    ["Basic ???", both],
    [basic("", appPassword), both],
    [`Bearer burrow_key_${"a".repeat(2000)}`, both],
    [`Bearer ${apiKey}`, { basic: true }],
    [basic("ben", appPassword), { bearer: true }],
    [basic("ben", appPassword), {}],
  ];
  for (const [header, ways] of closed)
    assert.equal(await identify(context(), header, ways), undefined, header);
  assert.deepEqual(tried, []);
});

test("every try goes through the limits, and a throttled one is told so", async (t) => {
  const { identify, both, basic, tried } = await door(t);
  await identify(context(), basic("@Ben:example.org", "wrong"), both);
  await identify(context(), "Bearer burrow_key_wrong", both);
  assert.deepEqual(tried, [
    { kind: "app-password", account: "ben", credential: "wrong" },
    { kind: "api-key", account: undefined, credential: "burrow_key_wrong" },
  ]);
  await assert.rejects(identify(context(), basic("ben", "throttled"), both), ThrottledError);
});
