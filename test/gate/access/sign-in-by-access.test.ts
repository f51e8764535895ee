import assert from "node:assert/strict";
import { test } from "node:test";

import { createAccessGate } from "../../../origin/gate/access/access-gate.ts";
import { memberByAccess } from "../../../origin/gate/access/sign-in-by-access.ts";
import type { RequestContext } from "../../../origin/http/request-context.ts";
import { createLog } from "../../../origin/host/log.ts";
import { openHousehold } from "../../members/open-members.ts";
import { AUD, SERVICE_TOKEN, startAccessTeam, TEAM } from "../../support/access-team.ts";

const HOUR_MS = 3_600_000;
const PASSWORD = "violet anchor paints quietly";

async function open(t: import("node:test").TestContext) {
  const team = await startAccessTeam();
  t.after(() => team.stop());
  const { members } = await openHousehold(t);
  const policies = [{ host: "example.org", path: "/sign-in", aud: [AUD], serviceTokens: [SERVICE_TOKEN] }];
  const mapEmail = new Map([
    ["ada@example.org", "ada"],
    ["ben@example.org", "ben"],
    ["nobody@example.org", "nobody"],
  ]);
  const config = { access: { team: TEAM, certsUrl: team.certsUrl, policies, mapEmail } };
  const clock = { now: Date.now() };
  const gate = createAccessGate({
    config,
    members,
    outbound: { fetch: (_purpose, url) => fetch(url) },
    now: () => clock.now,
    log: createLog({ level: "error", now: Date.now, write: () => undefined }),
  });
  async function enter(claims: Record<string, unknown>, path = "/sign-in") {
    const client = {
      host: "example.org",
      scheme: "https",
      address: "192.0.2.7",
      ray: "",
      country: "",
    } as const;
    const context: RequestContext = {
      client,
      guess: "none",
      accessJwt: await team.sign(claims),
      edgeTime: Date.now(),
    };
    const fault = await gate?.judge(context, path, null);
    return { fault, member: memberByAccess(context, { config, members })?.name };
  }
  return { team, members, clock, enter, config };
}

test("whoever's e-mail is mapped signs in by Access, as long as the account may", async (t) => {
  const { members, enter } = await open(t);
  const ada = await members.createOwner({ name: "ada", password: PASSWORD });
  const ben = await members.createAccount({ name: "ben", password: PASSWORD });
  assert.equal(ada.role, "owner");
  assert.deepEqual(await enter({ email: "Ada@example.org" }), { fault: undefined, member: "ada" });
  assert.deepEqual(await enter({ email: "ben@example.org" }), { fault: undefined, member: "ben" });
  for (const email of ["ada@example.com", "nobody@example.org", "cleo@example.org"])
    assert.equal((await enter({ email })).member, undefined, email);
  assert.equal((await enter({ email: "ada@example.org", common_name: SERVICE_TOKEN })).member, undefined);
  assert.equal((await enter({}, "/elsewhere")).member, undefined, "nobody looked at the token there");
  assert.deepEqual(await enter({ aud: ["other-audience"] }), { fault: "invalid", member: undefined });

  await members.lock(ben.id);
  assert.equal((await enter({ email: "ben@example.org" })).member, undefined);
  await members.unlock(ben.id);
  await members.suspend(ben.id);
  assert.equal((await enter({ email: "ben@example.org" })).member, undefined);
});

test("a device whose clock is wrong judges a token by the edge's clock", async (t) => {
  const { clock, enter } = await open(t);
  for (const wrong of [-48 * HOUR_MS, 48 * HOUR_MS]) {
    clock.now = Date.now() + wrong;
    assert.equal((await enter({})).fault, undefined, String(wrong));
    const expired = Math.floor(Date.now() / 1000) - 60;
    assert.equal((await enter({ exp: expired })).fault, "invalid", String(wrong));
  }
});
