import type { Claim, KeyUpload } from "../e2ee/device-keys.ts";
import type { NamedKey } from "../e2ee/one-time-keys.ts";
import type { Json, JsonObject } from "../events/event.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { badJson, invalidParam, missingParam } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { parseToken } from "../sync/position.ts";
import { isObject, optionalObject, requireObject } from "./read-body.ts";

/** Users in one query: it is answered in one go, and nobody else is meanwhile. Clients ask for some 250 at once. */
const mostAsked = 1000;
/** Devices in one claim: a client asks for all of a room's that it has no session with. */
const mostClaimed = 5000;
/** In one write: others must get their turn in between. */
const claimsAWrite = 200;

export function keysRoutes(matrix: MatrixContext): Route[] {
  const { crossSigning, database, deviceKeys, deviceLists, memberships, stream } = matrix;

  async function upload(call: Call): Promise<Answer> {
    const { userId, deviceId } = call.requester;
    const wanted = readKeyUpload(await call.json({ mayBeEmpty: true }));
    if (wanted.deviceKeys || wanted.oneTimeKeys.length > 0 || wanted.fallbackKeys.length > 0) {
      await database.write((transaction) => deviceKeys.upload(transaction, userId, deviceId, wanted));
    }
    return { one_time_key_counts: deviceKeys.counts(userId, deviceId) };
  }

  async function query(call: Call): Promise<Answer> {
    const asked = new Map<string, string[]>();
    for (const [userId, devices] of Object.entries(requireObject(await call.json(), "device_keys"))) {
      if (!Array.isArray(devices) || devices.some((device) => typeof device !== "string")) {
        throw badJson("device_keys must hold a list of device ids for each user.");
      }
      asked.set(userId, devices as string[]);
    }
    if (asked.size > mostAsked) throw invalidParam(`device_keys may ask for at most ${mostAsked} users.`);
    // No federation, so no server can fail us (M1).
    return {
      failures: {},
      device_keys: deviceKeys.query(asked, call.requester.userId),
      ...crossSigningKeys([...asked.keys()], call.requester.userId),
    };
  }

  /** `master_keys`, `self_signing_keys` and `user_signing_keys` by user id, of those who have some. */
  function crossSigningKeys(userIds: readonly string[], reader: string): JsonObject {
    const found = userIds.map((userId) => [userId, crossSigning.keysOf(userId, reader)] as const);
    const fields = (["master", "self_signing", "user_signing"] as const).map(
      (usage): [string, JsonObject] => [
        `${usage}_keys`,
        Object.fromEntries(
          found.flatMap(([userId, keys]): [string, JsonObject][] => {
            const key = keys.get(usage);
            return key ? [[userId, key]] : [];
          }),
        ),
      ],
    );
    return Object.fromEntries(fields);
  }

  async function claim(call: Call): Promise<Answer> {
    const asked: Claim[] = [];
    for (const [userId, devices] of Object.entries(requireObject(await call.json(), "one_time_keys"))) {
      if (!isObject(devices)) throw badJson("one_time_keys must hold an object of devices for each user.");
      for (const [deviceId, algorithm] of Object.entries(devices)) {
        if (typeof algorithm !== "string") throw badJson("The algorithm of a claim must be a string.");
        asked.push({ userId, deviceId, algorithm });
      }
      if (asked.length > mostClaimed) {
        throw invalidParam(`one_time_keys may ask for the keys of at most ${mostClaimed} devices.`);
      }
    }
    call.spend("keys", asked.length / claimsAWrite);
    const found = new Map<string, [string, JsonObject][]>();
    for (let start = 0; start < asked.length; start += claimsAWrite) {
      const part = asked.slice(start, start + claimsAWrite);
      for (const { userId, deviceId, key } of await database.write((transaction) =>
        deviceKeys.claim(transaction, part),
      )) {
        found.set(userId, [...(found.get(userId) ?? []), [deviceId, key]]);
      }
    }
    const claimed = [...found].map(([userId, keys]) => [userId, Object.fromEntries(keys)]);
    return { failures: {}, one_time_keys: Object.fromEntries(claimed) };
  }

  function changes(call: Call): Answer {
    const from = call.query.get("from");
    const to = call.query.get("to");
    if (from === null || to === null) throw missingParam("from and to are both needed.");
    // §keys/changes lets `to` be a hint: the answer goes up to now.
    parseToken(to);
    const { userId } = call.requester;
    const { so } = parseToken(from);
    // Given out after a backup that has since been restored: what happened then is not known, so all is to be asked anew.
    if (so > stream.current() || stream.isLost(so))
      return { changed: [...memberships.sharers(userId)], left: [] };
    return deviceLists.changes(userId, so);
  }

  const path = "/_matrix/client/v3/keys";
  return [
    { method: "POST", path: `${path}/upload`, access: "reading", handle: upload },
    { method: "POST", path: `${path}/query`, access: "reading", limit: "keys", handle: query },
    { method: "POST", path: `${path}/claim`, access: "reading", limit: "keys", handle: claim },
    { method: "GET", path: `${path}/changes`, access: "member", handle: changes },
  ];
}

/** The three kinds of keys that a device publishes. */
export const readKeyUpload = (body: JsonObject): KeyUpload => ({
  deviceKeys: readDeviceKeys(optionalObject(body, "device_keys")),
  oneTimeKeys: readKeys(body, "one_time_keys"),
  fallbackKeys: readKeys(body, "fallback_keys"),
});

/** `signatures` is user id → key id → text, nothing else: it is merged with others later. */
export function checkSignatures(key: JsonObject): void {
  for (const by of Object.values(optionalObject(key, "signatures") ?? {})) {
    if (!isObject(by) || Object.values(by).some((signature) => typeof signature !== "string")) {
      throw badJson("signatures must hold an object of texts for each user.");
    }
  }
}

/** The fields that the specification requires; whatever else the device has signed is kept. */
function readDeviceKeys(keys: JsonObject | undefined): JsonObject | undefined {
  if (!keys) return undefined;
  const { user_id: userId, device_id: deviceId, algorithms, keys: publicKeys } = keys;
  if (
    typeof userId !== "string" ||
    typeof deviceId !== "string" ||
    !Array.isArray(algorithms) ||
    !isObject(publicKeys)
  ) {
    throw badJson("device_keys must have user_id, device_id, algorithms and keys.");
  }
  checkSignatures(keys);
  return keys;
}

/** Of one-time keys in an upload. A client keeps 50 or 100 of them there. */
const mostKeys = 1000;

const keyName = /^([\w.]{1,100}):([^\0]{1,255})$/;

function readKeys(body: JsonObject, field: string): NamedKey[] {
  const keys = Object.entries(optionalObject(body, field) ?? {});
  if (keys.length > mostKeys) throw invalidParam(`${field} may hold at most ${mostKeys} keys.`);
  return keys.map(([name, key]: [string, Json]) => {
    const [, algorithm, keyId] = keyName.exec(name) ?? [];
    if (algorithm === undefined || keyId === undefined) {
      throw invalidParam(`${field} has the key ${name}, which is not of the form <algorithm>:<key id>.`);
    }
    if (typeof key !== "string" && !isObject(key))
      throw badJson(`${field} ${name} must be a string or an object.`);
    return { algorithm, keyId, key };
  });
}
