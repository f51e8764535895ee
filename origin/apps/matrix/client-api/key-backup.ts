import { setImmediate as nextTurn } from "node:timers/promises";
import type { BackedUpKey } from "../e2ee/backed-up-keys.ts";
import type { BackupSettings, KeyBackup } from "../e2ee/key-backups.ts";
import type { JsonObject } from "../events/event.ts";
import { isWithinIdLimit } from "../events/identifiers.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { badJson, invalidParam, missingParam, tooLarge } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import {
  isObject,
  optionalBoolean,
  optionalInteger,
  optionalString,
  requireObject,
  requireString,
} from "./read-body.ts";

/** Bytes of JSON, of `auth_data` and of one `session_data`: clients' own are below 1 KiB. */
const largestData = 65_536;

export function keyBackupRoutes(matrix: MatrixContext): Route[] {
  const { keyBackups } = matrix;

  async function create(call: Call): Promise<Answer> {
    const settings = readSettings(await call.json());
    return { version: await keyBackups.create(call.requester.userId, settings) };
  }

  const get = (call: Call): Answer => toJson(keyBackups.get(call.requester.userId, call.params["version"]));

  async function update(call: Call): Promise<Answer> {
    const version = call.params["version"] ?? "";
    const body = await call.json();
    const named = optionalString(body, "version");
    if (named !== undefined && named !== version) {
      throw invalidParam("version in the body must be the one in the path.");
    }
    await keyBackups.update(call.requester.userId, version, readSettings(body));
    return {};
  }

  async function remove(call: Call): Promise<Answer> {
    await keyBackups.remove(call.requester.userId, call.params["version"] ?? "");
    return {};
  }

  async function putKeys(call: Call): Promise<Answer> {
    const version = readVersion(call);
    const keys = readKeys(call.params, await call.json());
    return keyBackups.putKeys(call.requester.userId, version, keys);
  }

  function getKeys(call: Call): Answer {
    const { roomId, sessionId } = call.params;
    const { userId } = call.requester;
    const version = readVersion(call);
    const headers = { "content-type": "application/json" };
    if (roomId === undefined || sessionId === undefined) {
      return new Response(stream(keyBackups.readKeys(userId, version, roomId)), { headers });
    }
    return new Response(keyBackups.key(userId, version, roomId, sessionId), { headers });
  }

  function removeKeys(call: Call): Promise<Answer> {
    const { roomId, sessionId } = call.params;
    return keyBackups.removeKeys(call.requester.userId, readVersion(call), roomId, sessionId);
  }

  const versions = "/_matrix/client/v3/room_keys/version";
  const keys = "/_matrix/client/v3/room_keys/keys";
  return [
    { method: "POST", path: versions, access: "reading", handle: create },
    { method: "GET", path: versions, access: "member", handle: get },
    { method: "GET", path: `${versions}/:version`, access: "member", handle: get },
    { method: "PUT", path: `${versions}/:version`, access: "reading", handle: update },
    { method: "DELETE", path: `${versions}/:version`, access: "reading", handle: remove },
    ...[keys, `${keys}/:roomId`, `${keys}/:roomId/:sessionId`].flatMap((path): Route[] => [
      { method: "PUT", path, access: "reading", handle: putKeys },
      { method: "GET", path, access: "member", handle: getKeys },
      { method: "DELETE", path, access: "reading", handle: removeKeys },
    ]),
  ];
}

const toJson = ({ version, algorithm, authData, count, etag }: KeyBackup): object => ({
  version,
  algorithm,
  auth_data: authData,
  count,
  etag,
});

function readVersion(call: Call): string {
  const version = call.query.get("version");
  if (version === null || version === "") throw missingParam("version is missing: name the backup.");
  return version;
}

function readSettings(body: JsonObject): BackupSettings {
  const algorithm = requireString(body, "algorithm");
  if (algorithm === "" || !isWithinIdLimit(algorithm))
    throw invalidParam("algorithm may have 1 to 255 bytes.");
  return { algorithm, authData: bounded(requireObject(body, "auth_data"), "auth_data") };
}

/** The path says how much of `rooms` → room id → `sessions` → session id the body still has around each key. */
function readKeys({ roomId, sessionId }: Call["params"], body: JsonObject): BackedUpKey[] {
  if (roomId === undefined) {
    return Object.entries(requireObject(body, "rooms")).flatMap(([id, room]) => {
      if (!isObject(room)) throw badJson("rooms must hold an object for each room.");
      return readKeys({ roomId: id }, room);
    });
  }
  if (!roomId.startsWith("!") || !isWithinIdLimit(roomId)) throw invalidParam(`${roomId} is not a room id.`);
  if (sessionId !== undefined) return [readKey(roomId, sessionId, body)];
  return Object.entries(requireObject(body, "sessions")).map(([id, key]) => {
    if (!isObject(key)) throw badJson("sessions must hold an object for each session.");
    return readKey(roomId, id, key);
  });
}

function readKey(roomId: string, sessionId: string, key: JsonObject): BackedUpKey {
  if (sessionId === "" || !isWithinIdLimit(sessionId)) {
    throw invalidParam("A session id may have 1 to 255 bytes.");
  }
  const isVerified = optionalBoolean(key, "is_verified");
  if (isVerified === undefined) throw missingParam("is_verified is missing.");
  return {
    roomId,
    sessionId,
    isVerified,
    firstMessageIndex: requireCount(key, "first_message_index"),
    forwardedCount: requireCount(key, "forwarded_count"),
    sessionData: bounded(requireObject(key, "session_data"), "session_data"),
  };
}

function requireCount(key: JsonObject, field: string): number {
  const count = optionalInteger(key, field);
  if (count === undefined) throw missingParam(`${field} is missing.`);
  if (count < 0) throw invalidParam(`${field} must be 0 or more.`);
  return count;
}

function bounded(data: JsonObject, field: string): JsonObject {
  if (Buffer.byteLength(JSON.stringify(data)) > largestData) {
    throw tooLarge(`${field} may have at most 64 KiB.`);
  }
  return data;
}

/** In UTF-16 units. */
const chunk = 65_536;

/** A body that is made as the client takes it: a backup may be larger than our memory. */
function stream(pieces: Generator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // A fast client would keep us at it: others get their turn between two chunks.
        await nextTurn();
        let text = "";
        while (text.length < chunk) {
          const piece = pieces.next();
          if (piece.done) {
            controller.enqueue(encoder.encode(text));
            controller.close();
            return;
          }
          text += piece.value;
        }
        controller.enqueue(encoder.encode(text));
      },
    },
    { highWaterMark: 0 },
  );
}
