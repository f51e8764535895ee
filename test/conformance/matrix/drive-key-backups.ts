import type { User } from "../../apps/matrix/fixture.ts";
import type { Driver } from "./drive.ts";

/** All fourteen operations on backups of room keys, and their refusals. */
export async function driveKeyBackups(driver: Driver, ada: User): Promise<void> {
  const drive: Driver["drive"] = (...request) => driver.drive(...request);
  const versions = "/v3/room_keys/version";
  await drive("GET", versions, {}, { as: ada, status: 404 });
  const algorithm = "m.megolm_backup.v1.curve25519-aes-sha2";
  const settings = { algorithm, auth_data: { public_key: "abc", signatures: {} } };
  const old = (await drive("POST", versions, {}, { as: ada, body: settings })).body;
  const made = (await drive("POST", versions, {}, { as: ada, body: settings })).body;
  await drive("GET", versions, {}, { as: ada });
  const one = `${versions}/{version}`;
  await drive("GET", one, made, { as: ada });
  await drive("GET", one, { version: "none" }, { as: ada, status: 404 });
  await drive("PUT", one, made, { as: ada, body: settings });
  await drive("PUT", one, made, { as: ada, status: 400, body: { ...settings, version: "other" } });

  const key = {
    first_message_index: 1,
    forwarded_count: 0,
    is_verified: true,
    session_data: { ephemeral: "e", ciphertext: "c", mac: "m" },
  };
  const ids = { roomId: "!room:burrow.localhost", sessionId: "a/b+" };
  const keys = "/v3/room_keys/keys";
  for (const [path, body] of [
    [`${keys}/{roomId}/{sessionId}`, key],
    [`${keys}/{roomId}`, { sessions: { [ids.sessionId]: key } }],
    [keys, { rooms: { [ids.roomId]: { sessions: { [ids.sessionId]: key } } } }],
  ] as const) {
    const query = { version: made.version as string };
    await drive("PUT", path, ids, { as: ada, query, body });
    await drive("PUT", path, ids, { as: ada, query: { version: old.version }, status: 403, body });
    await drive("GET", path, ids, { as: ada, query });
    await drive("DELETE", path, ids, { as: ada, query });
    const gone = { as: ada, query, ...(path.includes("session") && { status: 404 }) };
    await drive("GET", path, ids, gone);
    await drive("DELETE", path, ids, { as: ada, query: { version: "none" }, status: 404 });
  }
  await drive("DELETE", one, made, { as: ada });
  await drive("DELETE", one, { version: "none" }, { as: ada, status: 404 });
}
