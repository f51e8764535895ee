import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { formatFamilies } from "../../../origin/host/metrics/prometheus.ts";
import { createSamples } from "../../../origin/host/metrics/samples.ts";
import { createSignedClient, type SignedClient } from "../../support/signed-client.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { startTestOrigin, type TestOrigin } from "../../support/test-origin.ts";

// Here and not in the hook: "after" within "before" would remove it at once.
const dataDir = temporaryFolder({ after });
let origin: TestOrigin;
let edge: SignedClient;
const token = { owner: "", member: "", key: "", otherKey: "" };

before(async () => {
  origin = await startTestOrigin({ dataDir });
  const { url, edgeKey } = origin.facts;
  edge = createSignedClient({ origin: url, edgeKey, host: "burrow.localhost" });
  const { members } = origin.origin;
  const password = "seventeen hollow oaks by night";
  const owner = await members.createOwner({ name: "ada", password });
  const invite = await members.createInvite({ name: "", uses: 1, expiresInMs: 60_000, createdBy: null });
  const member = await members.register({ name: "ben", password, inviteToken: invite.token });
  const key = { memberId: owner.id, kind: "api-key", name: "", expiresInMs: 60_000 } as const;
  token.key = (await members.keys.create({ via: "device" }, { ...key, scopes: ["metrics"] })).secret;
  token.otherKey = (await members.keys.create({ via: "device" }, { ...key, scopes: ["admin:write"] })).secret;
  token.owner = (await members.openSession(owner.id, { address: "192.0.2.1" })).accessToken;
  token.member = (await members.openSession(member.id, { address: "192.0.2.1" })).accessToken;
});

after(async () => {
  edge.close();
  await origin.close();
});

for (const path of ["/_burrow/metrics", "/_burrow/samples"]) {
  test(`${path} is there for the owner, and for nobody else`, async () => {
    const get = (headers: Record<string, string> = {}) => edge.request({ method: "GET", path, headers });
    const nothing = await edge.request({ method: "GET", path: "/_burrow/no-such-thing" });
    assert.equal(nothing.status, 404);
    for (const authorization of [
      "",
      `Bearer ${token.member}`,
      "Bearer nonsense",
      `Basic ${token.owner}`,
      "Bearer ä",
    ]) {
      const answer = await get(authorization === "" ? {} : { authorization });
      // The same answer as where there is nothing.
      assert.deepEqual([answer.status, answer.text], [404, nothing.text], authorization);
    }
    const answer = await get({ authorization: `Bearer ${token.owner}` });
    assert.equal(answer.status, 200);
    assert.equal((await get({ authorization: `Bearer ${token.key}` })).status, 200);
    const other = await get({ authorization: `Bearer ${token.otherKey}` });
    assert.deepEqual([other.status, other.text], [404, nothing.text]);
    assert.equal(answer.headers["cache-control"], "no-store");
  });
}

async function metrics(): Promise<Map<string, number>> {
  const { text } = await edge.request({ method: "GET", path: "/_burrow/metrics", token: token.owner });
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const [, name = "", value] = /^([a-z_0-9]+(?:\{[^}]*\})?) (\S+)$/.exec(line) ?? [];
      assert.notEqual(name, "", line);
      return [name, Number(value)];
    }),
  );
}

test("requests, refusals and writes are counted", async () => {
  const earlier = await metrics();
  await edge.request({ method: "GET", path: "/" });
  await edge.request({ method: "GET", path: "/no-such-page" });
  await fetch(origin.facts.url);
  const { members } = origin.origin;
  await members.createInvite({ name: "", uses: 1, expiresInMs: 60_000, createdBy: null });
  const now = await metrics();
  const grown = (name: string) => (now.get(name) ?? 0) - (earlier.get(name) ?? 0);
  // One more than the page itself: the first look at the figures.
  assert.equal(grown('burrow_http_answers_total{status="2xx"}'), 2);
  // An unproved request counts too.
  assert.equal(grown('burrow_http_answers_total{status="4xx"}'), 2);
  assert.ok(grown('burrow_database_writes_total{database="members"}') >= 1);
  assert.ok(grown('burrow_database_commits_total{database="members"}') >= 1);
  assert.ok((now.get('burrow_database_bytes{database="matrix"}') ?? 0) > 0);
  assert.ok((now.get("burrow_process_resident_memory_bytes") ?? 0) > 10_000_000);
  assert.equal(now.get('burrow_open_alerts{severity="critical"}'), 0);
});

test("a label may say anything, and what is not known is left out", () => {
  const text = formatFamilies([
    {
      name: "burrow_service_state",
      type: "gauge",
      help: "A\\B\nC",
      values: [
        { labels: { service: 'a"b\\c\nd' }, value: 1 },
        { labels: { service: "unknown" }, value: null },
      ],
    },
    { name: "burrow_nothing", type: "gauge", help: "", values: [] },
  ]);
  assert.equal(
    text,
    '# HELP burrow_service_state A\\\\B\\nC\n# TYPE burrow_service_state gauge\nburrow_service_state{service="a\\"b\\\\c\\nd"} 1\n',
  );
});

test("the samples of a day are kept, the oldest go", (t) => {
  let time = 0;
  const samples = createSamples({ dataDir: temporaryFolder(t), now: () => (time += 60_000) });
  assert.equal(samples.latest(), undefined);
  for (let round = 0; round < 1_500; round += 1) samples.take();
  const list = samples.list();
  assert.equal(list.length, 1_440);
  assert.deepEqual([list[0]?.time, list.at(-1)?.time], [61 * 60_000, 1_500 * 60_000]);
  assert.equal(samples.latest()?.time, 1_500 * 60_000);
  samples.close();
});
