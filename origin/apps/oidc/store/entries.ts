import { hash, randomBytes } from "node:crypto";
import type { Adapter, AdapterPayload } from "oidc-provider";
import type { Database } from "../../../storage/database.ts";
import type { Standing } from "../standing.ts";
import type { Subjects } from "./subjects.ts";

/** What the provider keeps, in oidc.db: one table for all of its kinds. */
export interface Entries {
  /** The provider's port for one kind. */
  readonly adapter: (kind: string) => Adapter;
  /** Deletes what has expired. Returns how many rows went. */
  readonly expire: () => Promise<number>;
  /** Clients that registered themselves and that nobody has a session of, the oldest first. */
  readonly clients: ClientEntries;
}

export interface ClientEntries {
  readonly count: () => number;
  readonly has: (clientId: string) => boolean;
  /** Deletes those that were last registered before `before` (Unix ms) and that are not in `kept`, at most `most`. */
  readonly removeUnused: (before: number, kept: ReadonlySet<string>, most: number) => Promise<number>;
}

interface Row {
  key: Uint8Array;
  payload: string;
  expiresAt: number | null;
  consumedAt: number | null;
  memberId: number | null;
  epoch: number | null;
  webSession: number | null;
}

/** What anybody can have made without an account: beyond so many the oldest of the kind goes. */
const mostOf: Readonly<Record<string, number>> = { Interaction: 5_000, Session: 5_000, DeviceCode: 2_000 };
/** How many rows a kind may grow by before its oldest are counted off. */
const trimEvery = 100;

const keyOf = (id: string): Uint8Array => hash("sha256", id, "buffer");

export function createEntries(options: {
  database: Database;
  subjects: Subjects;
  standing: Standing;
  now: () => number;
}): Entries {
  const { database, subjects, standing, now } = options;
  const columns = `key, payload, expires_at AS expiresAt, consumed_at AS consumedAt, member_id AS memberId, epoch,
    web_session AS webSession`;
  const upsert = database.prepare(
    `INSERT INTO entries
     (kind, key, payload, created_at, expires_at, grant_key, uid, user_code, member_id, epoch, web_session)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET payload = excluded.payload, created_at = excluded.created_at,
     expires_at = excluded.expires_at, grant_key = excluded.grant_key, uid = excluded.uid,
     user_code = coalesce(excluded.user_code, user_code), member_id = excluded.member_id, epoch = excluded.epoch,
     web_session = excluded.web_session`,
  );
  const byKey = database.prepare<Row>(`SELECT ${columns} FROM entries WHERE kind = ? AND key = ?`);
  const byUid = database.prepare<Row>(`SELECT ${columns} FROM entries WHERE uid = ? AND kind = ?`);
  const byUserCode = database.prepare<Row>(`SELECT ${columns} FROM entries WHERE user_code = ? AND kind = ?`);
  const consume = database.prepare(
    "UPDATE entries SET consumed_at = ? WHERE kind = ? AND key = ? AND consumed_at IS NULL",
  );
  const remove = database.prepare("DELETE FROM entries WHERE kind = ? AND key = ?");
  const removeGrant = database.prepare("DELETE FROM entries WHERE grant_key = ? AND kind = ?");
  const removeExpired = database.prepare("DELETE FROM entries WHERE expires_at <= ?");
  const trim = database.prepare(
    `DELETE FROM entries WHERE kind = ? AND rowid NOT IN
     (SELECT rowid FROM entries WHERE kind = ? ORDER BY rowid DESC LIMIT ?)`,
  );
  const countClients = database.prepare<{ count: number }>(
    "SELECT count(*) AS count FROM entries WHERE kind = 'Client'",
  );
  const oldClients = database.prepare<{ key: Uint8Array; payload: string }>(
    "SELECT key, payload FROM entries WHERE kind = 'Client' AND created_at < ? ORDER BY created_at",
  );

  const handles = createHandles();
  const grown = new Map<string, number>();

  function keyFor(kind: string, id: string): Uint8Array {
    return handles.keyOf(kind, id) ?? keyOf(id);
  }

  /** The payload with the id by which it was asked for; undefined for what is not good any more. */
  function read(kind: string, row: Row | undefined, id: string): AdapterPayload | undefined {
    if (!row || (row.expiresAt !== null && row.expiresAt <= now())) return undefined;
    if (row.memberId !== null && standing.epochOf(row.memberId) !== row.epoch) return undefined;
    if (row.webSession !== null && !standing.lives(row.webSession)) return undefined;
    const payload = JSON.parse(row.payload) as AdapterPayload;
    return {
      ...payload,
      ...(kind !== "Client" && { jti: id }),
      ...(row.consumedAt !== null && { consumed: Math.floor(row.consumedAt / 1000) }),
    };
  }

  /** Ours is the session: the provider's is found only in the browser that has the one it was begun in. */
  function readSession(row: Row | undefined, id: string): AdapterPayload | undefined {
    const payload = read("Session", row, id);
    if (payload?.accountId !== undefined && row?.webSession !== standing.asking()?.sessionId)
      return undefined;
    return payload;
  }

  function boundTo(kind: string, payload: AdapterPayload): [number | null, number | null, number | null] {
    const { accountId } = payload;
    const memberId = typeof accountId === "string" ? subjects.memberOf(accountId) : undefined;
    if (memberId === undefined) return [null, null, null];
    const webSession = kind === "Session" ? standing.asking()?.sessionId : undefined;
    return [memberId, standing.epochOf(memberId) ?? -1, webSession ?? null];
  }

  function adapter(kind: string): Adapter {
    return {
      upsert(id, payload, expiresIn = 0) {
        const { jti: _id, consumed: _consumed, userCode, ...kept } = payload;
        const at = now();
        const { grantId, uid } = payload;
        return database.write(() => {
          upsert.run(
            kind,
            keyFor(kind, id),
            JSON.stringify(kept),
            at,
            expiresIn > 0 ? at + expiresIn * 1000 : null,
            grantId === undefined ? null : keyOf(grantId),
            uid ?? null,
            userCode === undefined ? null : keyOf(userCode),
            ...boundTo(kind, payload),
          );
          const most = mostOf[kind];
          if (most === undefined) return;
          const since = (grown.get(kind) ?? 0) + 1;
          grown.set(kind, since % trimEvery);
          if (since >= trimEvery) trim.run(kind, kind, most);
        });
      },
      find(id) {
        const row = byKey.get(kind, keyFor(kind, id));
        return Promise.resolve(kind === "Session" ? readSession(row, id) : read(kind, row, id));
      },
      findByUid(uid) {
        const row = byUid.get(uid, kind);
        return Promise.resolve(row && read(kind, row, handles.make(kind, row.key)));
      },
      findByUserCode(userCode) {
        const row = byUserCode.get(keyOf(userCode), kind);
        const payload = row && read(kind, row, handles.make(kind, row.key));
        return Promise.resolve(payload && { ...payload, userCode });
      },
      consume: (id) =>
        database.write(() => {
          // The provider has looked before: of two at the same time both found it unused.
          if (consume.run(now(), kind, keyFor(kind, id)).changes === 0) throw new UsedUpError();
        }),
      destroy: (id) => database.write(() => void remove.run(kind, keyFor(kind, id))),
      revokeByGrantId: (grantId) => database.write(() => void removeGrant.run(keyOf(grantId), kind)),
    };
  }

  return {
    adapter,
    expire: () => database.write(() => removeExpired.run(now()).changes),
    clients: {
      count: () => countClients.get()?.count ?? 0,
      has: (clientId) => byKey.get("Client", keyOf(clientId)) !== undefined,
      removeUnused: (before, kept, most) =>
        database.write(() => {
          const unused = oldClients.all(before).filter(({ payload }) => !kept.has(clientIdOf(payload)));
          for (const { key } of unused.slice(0, most)) remove.run("Client", key);
          return Math.min(unused.length, most);
        }),
    },
  };
}

/** In the form that the provider answers errors by (RFC 6749 §5.2). */
class UsedUpError extends Error {
  override name = "UsedUpError";
  override message = "invalid_grant";
  readonly error_description = "it was used a moment ago";
  readonly expose = true;
  readonly statusCode = 400;
}

const clientIdOf = (payload: string): string => (JSON.parse(payload) as { client_id: string }).client_id;

/**
 * What is found by another way than its id has an id all the same, by which the provider writes it back: a handle that
 * only this process can make, since the id itself was never kept. A restart ends what is under way by it.
 */
function createHandles() {
  const mark = `${randomBytes(24).toString("base64url")}.`;
  return {
    make: (kind: string, key: Uint8Array) => `${mark}${kind}.${Buffer.from(key).toString("base64url")}`,
    keyOf(kind: string, id: string): Uint8Array | undefined {
      const prefix = `${mark}${kind}.`;
      return id.startsWith(prefix) ? Buffer.from(id.slice(prefix.length), "base64url") : undefined;
    },
  };
}
