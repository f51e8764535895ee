import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createFixture, type Fixture, password, type Reply, type User } from "../fixture.ts";

let fixture: Fixture;
before(async () => {
  fixture = await createFixture();
});
after(() => fixture.close());

const algorithm = "m.megolm_backup.v1.curve25519-aes-sha2";
const settings = { algorithm, auth_data: { public_key: "abc", signatures: {} } };
const room = "!kitchen:burrow.localhost";

interface Key {
  readonly first_message_index: number;
  readonly forwarded_count: number;
  readonly is_verified: boolean;
  readonly session_data: object;
}
const key = (more: Partial<Key> = {}): Key => ({
  first_message_index: 1,
  forwarded_count: 0,
  is_verified: false,
  session_data: { ciphertext: "c", mac: "m" },
  ...more,
});

/** What one member's client asks for, under /room_keys. */
function clientOf(user: User) {
  const ask = (method: string, path: string, body?: unknown): Promise<Reply> =>
    fixture.request(method, `/v3/room_keys${path}`, { token: user.token, body });
  return {
    user,
    ask,
    async make(body: unknown = settings): Promise<string> {
      const reply = await ask("POST", "/version", body);
      assert.equal(reply.status, 200, JSON.stringify(reply.body));
      return reply.body.version;
    },
    /** `ids`: room and session, or less. */
    keys: (method: string, version: string, ids: readonly string[] = [], body?: unknown) =>
      ask(method, `/keys${ids.map((id) => `/${encodeURIComponent(id)}`).join("")}?version=${version}`, body),
  };
}
const client = async (name: string) => clientOf(await fixture.user(name));

function refused(reply: Reply, status: number, errcode: string): void {
  assert.deepEqual([reply.status, reply.body.errcode], [status, errcode], JSON.stringify(reply.body));
}

test("the newest version is current; a deleted one is gone for good, and what is below it comes back", async () => {
  const ada = await client("ada");
  refused(await ada.ask("GET", "/version"), 404, "M_NOT_FOUND");
  const first = await ada.make();
  const second = await ada.make({ algorithm, auth_data: { public_key: "def" } });
  assert.notEqual(first, second);
  const current = await ada.ask("GET", "/version");
  const { etag, ...rest } = current.body;
  assert.equal(typeof etag, "string");
  assert.deepEqual(rest, { version: second, algorithm, auth_data: { public_key: "def" }, count: 0 });
  assert.deepEqual((await ada.ask("GET", `/version/${first}`)).body.auth_data, settings.auth_data);

  assert.equal((await ada.ask("DELETE", `/version/${second}`)).status, 200);
  assert.equal(
    (await ada.ask("DELETE", `/version/${second}`)).status,
    200,
    "deleted before: the same answer",
  );
  refused(await ada.ask("GET", `/version/${second}`), 404, "M_NOT_FOUND");
  refused(await ada.keys("GET", second), 404, "M_NOT_FOUND");
  refused(await ada.ask("PUT", `/version/${second}`, settings), 404, "M_NOT_FOUND");
  assert.equal((await ada.ask("GET", "/version")).body.version, first);
  await ada.ask("DELETE", `/version/${first}`);
  refused(await ada.ask("GET", "/version"), 404, "M_NOT_FOUND");
  await fixture.restart();
  const third = await ada.make();
  assert.ok(![first, second].includes(third), "a version is never given out twice");
  for (const never of ["99999", "x", "0", "1.5", "-1"]) {
    refused(await ada.ask("GET", `/version/${never}`), 404, "M_NOT_FOUND");
    refused(await ada.ask("DELETE", `/version/${never}`), 404, "M_NOT_FOUND");
  }
});

test("of a version only auth_data can be changed", async () => {
  const ben = await client("ben");
  const version = await ben.make();
  const signed = { public_key: "abc", signatures: { [ben.user.userId]: { "ed25519:X": "s" } } };
  const changed = await ben.ask("PUT", `/version/${version}`, { algorithm, auth_data: signed, version });
  assert.deepEqual([changed.status, changed.body], [200, {}]);
  assert.deepEqual((await ben.ask("GET", `/version/${version}`)).body.auth_data, signed);
  const other = { ...settings, algorithm: "m.other" };
  refused(await ben.ask("PUT", `/version/${version}`, other), 400, "M_INVALID_PARAM");
  refused(await ben.ask("PUT", `/version/${version}`, { ...settings, version: "7" }), 400, "M_INVALID_PARAM");
  refused(await ben.ask("PUT", `/version/${version}`, { algorithm }), 400, "M_MISSING_PARAM");
  refused(await ben.ask("POST", "/version", { algorithm, auth_data: [] }), 400, "M_BAD_JSON");
  assert.deepEqual((await ben.ask("GET", `/version/${version}`)).body.auth_data, signed);
});

test("keys go in and come out by session, by room and all at once, counted as they change", async () => {
  const cleo = await client("cleo");
  const version = await cleo.make();
  // Session ids are base64, so a slash is an ordinary letter of theirs.
  const odd = "a/b+c==";
  const hall = "!hall";
  const first = await cleo.keys("PUT", version, [room, odd], key());
  assert.equal(first.status, 200);
  assert.deepEqual(Object.keys(first.body).toSorted(), ["count", "etag"]);
  assert.equal(first.body.count, 1);
  const more = await cleo.keys("PUT", version, [room], { sessions: { two: key() } });
  assert.equal(more.body.count, 2);
  const all = await cleo.keys("PUT", version, [], {
    rooms: { [room]: { sessions: { two: key(), three: key() } }, [hall]: { sessions: { one: key() } } },
  });
  assert.equal(all.body.count, 4);
  assert.equal(new Set([first, more, all].map(({ body }) => body.etag)).size, 3);
  const again = await cleo.keys("PUT", version, [room], { sessions: { two: key() } });
  assert.deepEqual(again.body, all.body, "the same again changes nothing");
  const { body: info } = await cleo.ask("GET", "/version");
  assert.deepEqual({ count: info.count, etag: info.etag }, all.body);

  assert.deepEqual((await cleo.keys("GET", version, [room, odd])).body, key());
  const kitchen = { sessions: { [odd]: key(), two: key(), three: key() } };
  assert.deepEqual((await cleo.keys("GET", version, [room])).body, kitchen);
  const everything = await cleo.keys("GET", version);
  assert.equal(everything.headers.get("content-type"), "application/json");
  assert.deepEqual(everything.body, { rooms: { [hall]: { sessions: { one: key() } }, [room]: kitchen } });

  assert.equal((await cleo.keys("DELETE", version, [room, "two"])).body.count, 3);
  refused(await cleo.keys("GET", version, [room, "two"]), 404, "M_NOT_FOUND");
  const unchanged = await cleo.keys("DELETE", version, [room, "two"]);
  assert.equal(unchanged.body.count, 3);
  assert.equal((await cleo.keys("DELETE", version, [room])).body.count, 1);
  assert.deepEqual((await cleo.keys("GET", version, [room])).body, { sessions: {} });
  const emptied = await cleo.keys("DELETE", version);
  assert.equal(emptied.body.count, 0);
  assert.notEqual(emptied.body.etag, unchanged.body.etag);
  assert.deepEqual((await cleo.keys("GET", version)).body, { rooms: {} });
  assert.deepEqual((await cleo.keys("GET", version, ["!nowhere"])).body, { sessions: {} });
  assert.equal(
    (await cleo.keys("PUT", version, [room, odd], key())).body.count,
    1,
    "and it takes keys again",
  );
});

test("a key makes way for a better one only: verified, then earlier, then less forwarded", async () => {
  const dora = await client("dora");
  const version = await dora.make();
  const make = (is_verified: boolean, first_message_index: number, forwarded_count: number) =>
    key({ is_verified, first_message_index, forwarded_count, session_data: { n: crypto.randomUUID() } });
  const rising = [
    make(false, 10, 5),
    make(false, 10, 4),
    make(false, 9, 9),
    make(true, 90, 90),
    make(true, 90, 89),
    make(true, 0, 99),
    make(true, 0, 0),
  ];
  for (const [index, best] of rising.entries()) {
    const { body } = await dora.keys("PUT", version, [room, "s"], best);
    assert.equal(body.count, 1);
    const equal = { ...best, session_data: { other: true } };
    for (const worse of [...rising.slice(0, index), equal]) {
      assert.deepEqual((await dora.keys("PUT", version, [room, "s"], worse)).body, body);
    }
    assert.deepEqual((await dora.keys("GET", version, [room, "s"])).body, best);
  }
});

test("only the current version takes keys, and the refusal names it; any can be read and emptied", async () => {
  const emil = await client("emil");
  const nothing = await emil.keys("PUT", "5", [room, "s"], key());
  refused(nothing, 404, "M_NOT_FOUND");
  const old = await emil.make();
  await emil.keys("PUT", old, [room, "s"], key());
  const current = await emil.make();
  for (const [ids, body] of [
    [[room, "s"], key()],
    [[room], { sessions: { s: key() } }],
    [[], { rooms: {} }],
  ] as const) {
    const wrong = await emil.keys("PUT", old, ids, body);
    refused(wrong, 403, "M_WRONG_ROOM_KEYS_VERSION");
    assert.equal(wrong.body.current_version, current);
    refused(await emil.keys("PUT", "99999", ids, body), 404, "M_NOT_FOUND");
  }
  assert.deepEqual((await emil.keys("GET", old, [room, "s"])).body, key());
  assert.equal((await emil.keys("DELETE", old)).body.count, 0);
  for (const method of ["GET", "DELETE"]) {
    refused(await emil.keys(method, "99999"), 404, "M_NOT_FOUND");
    refused(await emil.keys(method, "99999", [room, "s"]), 404, "M_NOT_FOUND");
  }
  refused(await emil.ask("GET", "/keys"), 400, "M_MISSING_PARAM");
});

test("another member's backup is not there", async () => {
  const [fay, gus] = [await client("fay"), await client("gus")];
  const hers = await fay.make();
  await fay.keys("PUT", hers, [room, "s"], key());
  await gus.make();
  for (const reply of [
    await gus.ask("GET", `/version/${hers}`),
    await gus.ask("PUT", `/version/${hers}`, settings),
    await gus.ask("DELETE", `/version/${hers}`),
    await gus.keys("GET", hers),
    await gus.keys("GET", hers, [room, "s"]),
    await gus.keys("PUT", hers, [room, "s"], key({ is_verified: true })),
    await gus.keys("DELETE", hers),
  ]) {
    refused(reply, 404, "M_NOT_FOUND");
  }
  assert.deepEqual((await fay.keys("GET", hers, [room, "s"])).body, key());
});

test("half a key, a room that is none, and what is too large are refused, and nothing of the request kept", async () => {
  const hal = await client("hal");
  const version = await hal.make();
  const good = { good: key() };
  for (const [body, errcode] of [
    [{}, "M_MISSING_PARAM"],
    [{ rooms: [] }, "M_BAD_JSON"],
    [{ rooms: { [room]: 5 } }, "M_BAD_JSON"],
    [{ rooms: { [room]: {} } }, "M_MISSING_PARAM"],
    [{ rooms: { [room]: { sessions: good }, kitchen: { sessions: {} } } }, "M_INVALID_PARAM"],
    [{ rooms: { [room]: { sessions: { ...good, s: "key" } } } }, "M_BAD_JSON"],
    [{ rooms: { [room]: { sessions: { ...good, "": key() } } } }, "M_INVALID_PARAM"],
    [{ rooms: { [room]: { sessions: { ...good, s: { ...key(), is_verified: 1 } } } } }, "M_BAD_JSON"],
    [{ rooms: { [room]: { sessions: { ...good, s: key({ first_message_index: 1.5 }) } } } }, "M_BAD_JSON"],
    [{ rooms: { [room]: { sessions: { ...good, s: key({ forwarded_count: -1 }) } } } }, "M_INVALID_PARAM"],
    [{ rooms: { [room]: { sessions: { ...good, s: { is_verified: true } } } } }, "M_MISSING_PARAM"],
  ] as const) {
    refused(await hal.keys("PUT", version, [], body), 400, errcode);
  }
  const large = key({ session_data: { ciphertext: "x".repeat(65_536) } });
  refused(await hal.keys("PUT", version, [room, "s"], large), 413, "M_TOO_LARGE");
  refused(await hal.ask("POST", "/version", { algorithm, auth_data: large }), 413, "M_TOO_LARGE");
  assert.deepEqual((await hal.keys("GET", version)).body, { rooms: {} });
});

test("a large backup is written, read and swept away without holding up anybody else", async () => {
  const ida = await client("ida");
  const version = await ida.make();
  const sessions = (from: number, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`s${from + index}`, key()]));
  for (const from of [0, 1000, 2000]) {
    const { body } = await ida.keys("PUT", version, [room], { sessions: sessions(from, 1000) });
    assert.equal(body.count, from + 1000);
  }
  // While the answer is on its way others are served, a chunk at a time.
  let turns = 0;
  let turn: NodeJS.Immediate;
  const takeTurns = (): void => {
    turns += 1;
    turn = setImmediate(takeTurns);
  };
  turn = setImmediate(takeTurns);
  const { body } = await ida.keys("GET", version);
  clearImmediate(turn);
  assert.deepEqual(body, { rooms: { [room]: { sessions: sessions(0, 3000) } } });
  assert.ok(turns >= 3, `${turns} turns`);

  const rows = () =>
    fixture.matrix.database
      .prepare<{ count: number }>(
        `SELECT count(*) AS count FROM key_backup_sessions WHERE room NOT IN
           (SELECT nid FROM key_backup_rooms WHERE version IS NOT NULL)`,
      )
      .get()?.count;
  const removed = await ida.keys("DELETE", version);
  assert.equal(removed.body.count, 0);
  assert.ok(Number(rows()) > 0, "the rows go later, some at a time");
  await ida.keys("PUT", version, [room, "new"], key());
  await fixture.restart();
  // Writes wait in one line: the sweeping, taken up at the start, gets its turns between these.
  for (let waits = 0; rows() !== 0 && waits < 200; waits += 1) await fixture.matrix.database.write(() => {});
  assert.equal(rows(), 0);
  assert.deepEqual((await ida.keys("GET", version)).body, {
    rooms: { [room]: { sessions: { new: key() } } },
  });
});

test("a deactivated account's backup goes with it", async () => {
  const jan = await client("jan");
  await jan.keys("PUT", await jan.make(), [room, "s"], key());
  const auth = { type: "m.login.password", identifier: { type: "m.id.user", user: "jan" }, password };
  const ended = await fixture.request("POST", "/v3/account/deactivate", {
    token: jan.user.token,
    body: { auth },
  });
  assert.equal(ended.status, 200);
  const left = fixture.matrix.database.prepare("SELECT deleted, count FROM key_backups WHERE user = ?");
  assert.deepEqual(
    left.all(jan.user.userId).map((row) => ({ ...(row as object) })),
    [{ deleted: 1, count: 0 }],
  );
  assert.deepEqual(fixture.log, []);
});
