import assert from "node:assert/strict";

import type { Answer, SignedClient } from "../support/signed-client.ts";

/** What the server acknowledged of keys and of messages between devices. */
export interface KeyReport {
  /** One-time keys that were uploaded, and those that were given out. */
  oneTimeKeys: number;
  claims: number;
  backedUp: number;
  /** Messages between devices that were sent, and those that were received. */
  sent: number;
  received: number;
}

/** Traffic of keys and messages between devices, and what must be true of it after every kill. */
export interface KeyTraffic {
  readonly report: KeyReport;
  /** Each is done again and again until the process is gone; it rejects then. */
  readonly work: readonly (() => Promise<void>)[];
  /** After a restart: nothing acknowledged is lost, nothing was given out or delivered twice. */
  check(): Promise<void>;
}

const keysAnUpload = 20;
const algorithm = "signed_curve25519";
const room = "!kept:burrow.localhost";
const emptied = "!emptied:burrow.localhost";
/** Nothing of rooms: what is looked at is what comes to the device. */
const filter = encodeURIComponent(JSON.stringify({ room: { rooms: [] } }));

/**
 * Three people: the first one's device offers one-time keys and receives messages, the second claims and sends, the third
 * backs up room keys. Tokens of theirs.
 */
export async function startKeyTraffic(
  client: SignedClient,
  [owner, other, keeper]: readonly [string, string, string],
): Promise<KeyTraffic> {
  const report: KeyReport = { oneTimeKeys: 0, claims: 0, backedUp: 0, sent: 0, received: 0 };
  const ask = async (token: string, method: string, path: string, body?: unknown): Promise<Answer> => {
    const answer = await client.request({ method, path: `/_matrix/client/v3${path}`, token, body });
    assert.equal(answer.status, 200, `${method} ${path}: ${answer.text}`);
    return answer;
  };
  const me = (await ask(owner, "GET", "/account/whoami")).json<{ user_id: string; device_id: string }>();
  const settings = { algorithm: "m.megolm_backup.v1.curve25519-aes-sha2", auth_data: { public_key: "p" } };
  const { version } = (await ask(keeper, "POST", "/room_keys/version", settings)).json<{ version: string }>();

  const claimed = new Set<string>();
  /** Claims whose answer did not come: each may have taken a key with it. */
  let lostClaims = 0;
  let since = (await ask(owner, "GET", `/sync?filter=${filter}`)).json<{ next_batch: string }>().next_batch;

  async function upload(): Promise<void> {
    const first = report.oneTimeKeys;
    const ids = Array.from({ length: keysAnUpload }, (_, index) => `${algorithm}:k${first + index}`);
    const keys = Object.fromEntries(ids.map((id) => [id, { key: id }]));
    await ask(owner, "POST", "/keys/upload", { one_time_keys: keys });
    report.oneTimeKeys += keysAnUpload;
  }

  async function claim(): Promise<void> {
    lostClaims += 1;
    const body = { one_time_keys: { [me.user_id]: { [me.device_id]: algorithm } } };
    const answer = await ask(other, "POST", "/keys/claim", body);
    lostClaims -= 1;
    const given = answer.json<{ one_time_keys: Record<string, Record<string, object>> }>();
    for (const id of Object.keys(given.one_time_keys[me.user_id]?.[me.device_id] ?? {})) {
      assert.ok(!claimed.has(id), `${id} was given out twice`);
      claimed.add(id);
      report.claims += 1;
    }
  }

  async function backUp(): Promise<void> {
    const key = {
      first_message_index: 0,
      forwarded_count: 0,
      is_verified: true,
      session_data: { n: report.backedUp },
    };
    const rooms = {
      [room]: { sessions: { [`s${report.backedUp}`]: key } },
      [emptied]: { sessions: { [`s${report.backedUp}`]: key } },
    };
    await ask(keeper, "PUT", `/room_keys/keys?version=${version}`, { rooms });
    report.backedUp += 1;
    if (report.backedUp % 7 === 0) {
      await ask(keeper, "DELETE", `/room_keys/keys/${encodeURIComponent(emptied)}?version=${version}`);
    }
  }

  async function send(): Promise<void> {
    const messages = { [me.user_id]: { [me.device_id]: { n: report.sent } } };
    // A repeat bears the same id, so that it is not sent twice.
    await ask(other, "PUT", `/sendToDevice/m.test/n${report.sent}`, { messages });
    report.sent += 1;
  }

  async function receive(): Promise<void> {
    const path = `/sync?filter=${filter}&since=${since}&timeout=0`;
    const answer = (await ask(owner, "GET", path)).json<{
      next_batch: string;
      to_device?: { events: { type: string; content: { n: number } }[] };
    }>();
    for (const { type, content } of answer.to_device?.events ?? []) {
      if (type !== "m.test") continue;
      assert.equal(content.n, report.received, "each message once, in order");
      report.received += 1;
    }
    since = answer.next_batch;
  }

  async function check(): Promise<void> {
    const left = (await ask(owner, "POST", "/keys/upload", {})).json<{
      one_time_key_counts: Record<string, number>;
    }>().one_time_key_counts[algorithm];
    const missing = report.oneTimeKeys - report.claims - Number(left);
    // The last upload may be stored without its answer having arrived.
    assert.ok(
      missing <= lostClaims && missing >= -keysAnUpload,
      `${missing} keys missing, ${lostClaims} claims lost`,
    );

    const { rooms } = (await ask(keeper, "GET", `/room_keys/keys?version=${version}`)).json<{
      rooms: Record<string, { sessions: Record<string, { session_data: { n: number } }> }>;
    }>();
    const kept = rooms[room]?.sessions ?? {};
    for (let n = 0; n < report.backedUp; n += 1) assert.equal(kept[`s${n}`]?.session_data.n, n);
    const { count } = (await ask(keeper, "GET", "/room_keys/version")).json<{ count: number }>();
    const stored = Object.values(rooms).flatMap(({ sessions }) => Object.keys(sessions)).length;
    assert.equal(count, stored, "the count of the backup is that of its keys");

    for (let before = -1; before < report.received; ) {
      before = report.received;
      await receive();
    }
    // The last one may be stored without its answer having arrived.
    assert.ok(report.received >= report.sent && report.received <= report.sent + 1, "a message is lost");
  }

  // Few at a time: signing in and registering, which take the processor most, must get their turns too.
  const work = [
    async () => {
      await upload();
      await receive();
    },
    async () => {
      await Promise.all([claim(), claim()]);
      await send();
    },
    backUp,
  ];
  return { report, work, check };
}

/** What no moment of a kill may leave in the tables of keys, by the query that finds it. */
export const halfWrittenKeys: Record<string, string> = {
  "a message to a device above the mark": "SELECT so FROM to_device WHERE so > (SELECT position FROM stream)",
  "a backup whose count is not that of its rooms": `SELECT version FROM key_backups b WHERE count <>
       (SELECT coalesce(sum(count), 0) FROM key_backup_rooms r WHERE r.version = b.version)`,
  "a room of a backup whose count is not that of its keys": `SELECT nid FROM key_backup_rooms r WHERE version IS NOT NULL
       AND count <> (SELECT count(*) FROM key_backup_sessions s WHERE s.room = r.nid)`,
  "a backed-up key without its room":
    "SELECT room FROM key_backup_sessions WHERE room NOT IN (SELECT nid FROM key_backup_rooms)",
};
