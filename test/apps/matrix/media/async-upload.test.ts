/** Media ids that are there before their content. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";

import type { Answer } from "../../../support/signed-client.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { idOf, type MediaHouse, openMediaHouse, serverName } from "./media-house.ts";

const folder = temporaryFolder({ after });
let house: MediaHouse;
before(async () => {
  house = await openMediaHouse(join(folder, "data"));
});
after(() => house.close());

const errorOf = (answer: Answer) => [answer.status, answer.json()["errcode"]];
const target = (id: string): string => `/_matrix/media/v3/upload/${serverName}/${id}`;
const source = (id: string, wait: number): string =>
  `/_matrix/client/v1/media/download/${serverName}/${id}?timeout_ms=${wait}`;

async function create(token = house.ada): Promise<string> {
  const answer = await house.ask("POST", "/_matrix/media/v1/create", { token });
  const { content_uri: uri, unused_expires_at: expires } = answer.json<{
    content_uri: string;
    unused_expires_at: number;
  }>();
  assert.ok(expires > Date.now() + 23 * 3_600_000);
  return idOf(uri);
}

test("who waits for a content gets it the moment it comes, and it comes once", async () => {
  const id = await create();
  assert.deepEqual(errorOf(await house.ask("GET", source(id, 0))), [504, "M_NOT_YET_UPLOADED"]);
  const waiting = [
    house.ask("GET", source(id, 30_000)),
    house.ask("GET", source(id, 30_000), { token: house.ben }),
  ];
  const headers = { "content-type": "text/plain" };
  const sent = await house.ask("PUT", `${target(id)}?filename=a.txt`, { body: "late", headers });
  assert.deepEqual([sent.status, sent.text], [200, "{}"]);
  for (const answer of await Promise.all(waiting)) {
    assert.deepEqual([answer.status, answer.text], [200, "late"]);
    assert.equal(answer.headers["content-disposition"], 'inline; filename="a.txt"');
  }
  assert.deepEqual(errorOf(await house.ask("PUT", target(id), { body: "again" })), [
    409,
    "M_CANNOT_OVERWRITE_MEDIA",
  ]);
  assert.equal((await house.download(id)).text, "late");
});

test("only who created an id may fill it, and only one that was created", async () => {
  const id = await create();
  const foreign = await house.ask("PUT", target(id), { token: house.ben, body: "mine" });
  assert.deepEqual(errorOf(foreign), [403, "M_FORBIDDEN"]);
  assert.deepEqual(errorOf(await house.ask("PUT", target("never"), { body: "x" })), [404, "M_NOT_FOUND"]);
  const elsewhere = `/_matrix/media/v3/upload/elsewhere.example/${id}`;
  assert.deepEqual(errorOf(await house.ask("PUT", elsewhere, { body: "x" })), [404, "M_NOT_FOUND"]);
  const both = await Promise.all(["one", "two"].map((body) => house.ask("PUT", target(id), { body })));
  assert.deepEqual(both.map(({ status }) => String(status)).toSorted(), ["200", "409"]);
  const kept = both[0]?.status === 200 ? "one" : "two";
  assert.equal((await house.download(id)).text, kept);
});

test("waiting ends with the session", async () => {
  const id = await create();
  const { members } = house.home.origin;
  const ben = members.find("ben")?.id ?? 0;
  const session = await members.openSession(ben, { address: "192.0.2.1" });
  const waiting = house.ask("GET", source(id, 2000), { token: session.accessToken });
  await house.ask("GET", source(id, 0));
  await house.ask("POST", "/_matrix/client/v3/logout", { token: session.accessToken, body: {} });
  await house.ask("PUT", target(id), { body: "for others" });
  assert.deepEqual(errorOf(await waiting), [401, "M_UNKNOWN_TOKEN"]);
});

test("one member cannot announce uploads without end", async () => {
  for (let count = 0; count < 50; count += 1) await create(house.ben);
  const more = await house.ask("POST", "/_matrix/media/v1/create", { token: house.ben });
  assert.deepEqual(errorOf(more), [429, "M_LIMIT_EXCEEDED"]);
  assert.ok(Number(more.headers["retry-after"]) > 0);
  await create();
});
