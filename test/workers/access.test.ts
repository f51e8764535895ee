import assert from "node:assert/strict";
import { test } from "node:test";

import { formatAccessRules } from "../../shared/access-policy.ts";
import { AUD, startAccessTeam, TEAM } from "../support/access-team.ts";
import { benchEdge } from "./edge-bench.ts";

const HOST = "burrow.example.org";
const CLOSED = `https://${HOST}/closed`;

test("without keys nobody enters, and the answer says when to try again; what is open stays open", async (t) => {
  const team = await startAccessTeam();
  t.after(() => team.stop());
  team.publish("nothing");
  const policies = [{ host: HOST, path: "/closed", aud: [AUD], serviceTokens: [] }];
  const ACCESS = formatAccessRules({ team: TEAM, certsUrl: team.certsUrl, policies });
  const edge = benchEdge(t, { env: { ACCESS } });
  const headers = { "cf-access-jwt-assertion": await team.sign() };
  const answer = await edge.ask(CLOSED, { headers });
  assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "10"]);
  assert.equal((await edge.ask(CLOSED)).status, 403, "who shows nothing needs no keys to be refused");
  assert.equal((await edge.ask(`https://${HOST}/open`)).status, 200);
  assert.equal(edge.arrivals.length, 1);
  assert.equal(team.fetches(), 1);
});

test("rules that cannot be read close everything", async (t) => {
  const edge = benchEdge(t, { env: { ACCESS: "{}" } });
  assert.equal((await edge.ask(`https://${HOST}/`)).status, 503);
  assert.equal(edge.sent.length, 0);
  assert.match(edge.alerts.join(), /ACCESS cannot be read/);
});
