import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createAccessVerifier } from "../../shared/access-jwt.ts";
import type { AccessVerifier } from "../../shared/access-jwt.ts";
import { AUD, SERVICE_TOKEN, startAccessTeam, TEAM } from "../support/access-team.ts";
import type { AccessTeam } from "../support/access-team.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const POLICY = { host: "example.org", path: "/", aud: [AUD], serviceTokens: [SERVICE_TOKEN] };

let team: AccessTeam;
before(async () => {
  team = await startAccessTeam();
});
after(() => team.stop());

/** A verifier with a clock of its own, which only moves when it is told. */
function open(): { verifier: AccessVerifier; clock: { now: number }; fetches: () => number } {
  const clock = { now: Date.now() };
  const sofar = team.fetches();
  const fetchKeys = async (): Promise<unknown> => (await fetch(team.certsUrl)).json();
  const verifier = createAccessVerifier({ team: TEAM, fetchKeys, now: () => clock.now });
  return { verifier, clock, fetches: () => team.fetches() - sofar };
}

test("a person and a listed service token are let in, by whatever audience the policy names", async () => {
  const { verifier } = open();
  const person = await verifier.verify(await team.sign({ email: "Ada@Example.org" }), POLICY, Date.now());
  assert.deepEqual(person, { aud: [AUD], email: "ada@example.org" });
  const claims = { email: undefined, sub: "", common_name: SERVICE_TOKEN, aud: [AUD, "other-audience"] };
  const program = await verifier.verify(await team.sign(claims), POLICY, Date.now());
  assert.deepEqual(program, { aud: [AUD, "other-audience"], commonName: SERVICE_TOKEN });
});

test("nothing else is", async () => {
  const { verifier } = open();
  assert.equal(await verifier.verify(undefined, POLICY, Date.now()), "missing");
  for (const [label, jwt] of await team.badTokens())
    assert.equal(await verifier.verify(jwt, POLICY, Date.now()), "invalid", label);
  // A program whose token also has an e-mail is still a program.
  const both = await team.sign({ common_name: "other.access" });
  assert.equal(await verifier.verify(both, POLICY, Date.now()), "invalid");
});

test("a token that was found good is judged anew by each policy, and ends when it ends", async () => {
  const { verifier, clock, fetches } = open();
  const jwt = await team.sign({ exp: Math.floor(clock.now / 1000) + 40 });
  assert.equal(typeof (await verifier.verify(jwt, POLICY, clock.now)), "object");
  const other = { ...POLICY, aud: ["c".repeat(64)] };
  assert.equal(await verifier.verify(jwt, other, clock.now), "invalid");
  clock.now += 50_000;
  assert.equal(typeof (await verifier.verify(jwt, POLICY, clock.now)), "object", "within the tolerance");
  assert.equal(await verifier.verify(jwt, POLICY, clock.now + 30_000), "invalid");
  assert.equal(fetches(), 1);
});

test("an unknown key makes the keys be fetched once a minute, however many ask", async () => {
  const { verifier, clock, fetches } = open();
  await verifier.verify(await team.sign(), POLICY, clock.now);
  assert.equal(fetches(), 1);
  const unknown = await team.sign({}, { kid: "no-such-key" });
  for (let n = 0; n < 50; n += 1) assert.equal(await verifier.verify(unknown, POLICY, clock.now), "invalid");
  assert.equal(fetches(), 1, "the set is too fresh");
  clock.now += MINUTE_MS;
  const verdicts = await Promise.all(
    Array.from({ length: 50 }, () => verifier.verify(unknown, POLICY, clock.now)),
  );
  assert.equal(fetches(), 2);
  assert.ok(verdicts.every((verdict) => verdict === "invalid"));
});

test("a new key of the team's is found within a minute", async () => {
  const { verifier, clock } = open();
  await verifier.verify(await team.sign(), POLICY, clock.now);
  await team.rotate();
  const jwt = await team.sign();
  assert.equal(await verifier.verify(jwt, POLICY, clock.now), "invalid");
  clock.now += MINUTE_MS;
  assert.equal(typeof (await verifier.verify(jwt, POLICY, clock.now)), "object");
});

test("while the keys cannot be had the last good ones serve, for a week; where there were none, nobody enters", async (t) => {
  t.after(() => team.publish("keys"));
  const known = open();
  const ask = async (verifier: AccessVerifier): Promise<unknown> =>
    verifier.verify(await team.sign(), POLICY, Date.now());
  await ask(known.verifier);
  for (const failure of ["nothing", "no-json"] as const) {
    team.publish(failure);
    known.clock.now += 2 * HOUR_MS;
    assert.equal(typeof (await ask(known.verifier)), "object", failure);
    const fresh = open();
    assert.equal(await ask(fresh.verifier), "keys-unavailable", failure);
    assert.equal(await ask(fresh.verifier), "keys-unavailable", failure);
    assert.equal(fresh.fetches(), 1, "not asked again at once");
    team.publish("keys");
    fresh.clock.now += 5_000;
    assert.equal(typeof (await ask(fresh.verifier)), "object", "soon after it is well again");
  }
  team.publish("nothing");
  known.clock.now += 8 * 24 * HOUR_MS;
  assert.equal(await ask(known.verifier), "keys-unavailable", "keys of a week ago may have been withdrawn");
});

test("the first requests of an isolate do not stand in each other's way", async () => {
  const { verifier, clock, fetches } = open();
  const jwt = await team.sign();
  const verdicts = await Promise.all(
    Array.from({ length: 60 }, () => verifier.verify(jwt, POLICY, clock.now)),
  );
  assert.ok(verdicts.every((verdict) => typeof verdict === "object"));
  assert.equal(fetches(), 1);
});
