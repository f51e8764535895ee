import type { Database } from "../../storage/database.ts";
import { createRowMemory } from "../../storage/row-memory.ts";
import type { Accounts } from "../accounts.ts";
import { type Authority, requireOwn } from "../authority.ts";
import { readLabel } from "../labels.ts";
import { type Member, MembersError } from "../members.ts";
import { isKeyScope, type KeyScope, scopesFor } from "./key-scopes.ts";
import { hashKeySecret, makeKeySecret } from "./key-secret.ts";

/** An API key is a program's, by `Authorization: Bearer`; an app password is typed into a client that cannot browse. */
export type KeyKind = "api-key" | "app-password";

export interface Key {
  readonly id: number;
  readonly kind: KeyKind;
  readonly memberId: number;
  readonly name: string;
  readonly scopes: readonly KeyScope[];
  /** Unix ms. */
  readonly createdAt: number;
  /** Unix ms; null: does not expire, as app passwords may. */
  readonly expiresAt: number | null;
  /** Unix ms, exact to the hour. */
  readonly lastUsedAt: number | null;
  readonly lastUsedAddress: string | null;
  readonly revokedAt: number | null;
}

export interface KeyRequest {
  readonly memberId: number;
  readonly kind: KeyKind;
  readonly name: string;
  readonly scopes: readonly string[];
  /** Of an API key a year at most, and never absent. */
  readonly expiresInMs?: number | undefined;
}

/** API keys and app passwords (row G5): shown once, kept as a hash, and looked up at every use. */
export interface Keys {
  /** Throws key-invalid, label-invalid, not-allowed, too-many, unknown-member. */
  readonly create: (authority: Authority, request: KeyRequest) => Promise<Key & { readonly secret: string }>;
  /**
   * Whose key it is and what it opens. Undefined: none of this kind, revoked, expired, or of a member who is locked
   * or gone. A suspended member's key is as suspended as the member. `address` is noted at most once an hour.
   */
  readonly verify: (
    kind: KeyKind,
    secret: string,
    address: string,
  ) => { readonly key: Key; readonly member: Member } | undefined;
  /** The newest first; of one member, or of all. Ended ones are kept for 90 days. */
  readonly list: (memberId?: number) => Key[];
  /** False: there is none such that is not revoked. Throws not-allowed. */
  readonly revoke: (authority: Authority, id: number) => Promise<boolean>;
  /** Inside a write: how many of a member ended. */
  readonly revokeInside: (memberId: number) => number;
}

type Row = Omit<Key, "scopes"> & { scopes: string };

const day = 24 * 60 * 60 * 1000;
const longestLifetime = 366 * day;
/** Last use is for people: the hour is exact enough, and costs the flash of a phone little. */
const useInterval = 60 * 60 * 1000;
const keptAfterEnd = 90 * day;
const mostOfOneMember = 50;

export function createKeys(options: {
  database: Database;
  accounts: Accounts;
  now: () => number;
  /** For writes that nobody waits for. */
  onError: (error: unknown) => void;
}): Keys {
  const { database, accounts, now } = options;
  const columns = `id, kind, member_id AS memberId, name, scopes, created_at AS createdAt, expires_at AS expiresAt,
    last_used_at AS lastUsedAt, last_used_address AS lastUsedAddress, revoked_at AS revokedAt`;
  const insert = database.prepare(
    `INSERT INTO keys (kind, hash, member_id, name, scopes, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  // Found by its hash: how long that takes tells nothing about the secret (see hashToken).
  const selectByHash = database.prepare<Row>(
    `SELECT ${columns} FROM keys WHERE hash = ? AND kind = ? AND revoked_at IS NULL`,
  );
  const selectById = database.prepare<Row>(`SELECT ${columns} FROM keys WHERE id = ?`);
  const selectAll = database.prepare<Row>(`SELECT ${columns} FROM keys ORDER BY id DESC`);
  const selectOf = database.prepare<Row>(`SELECT ${columns} FROM keys WHERE member_id = ? ORDER BY id DESC`);
  const countLive = database.prepare<{ live: number }>(
    `SELECT count(*) AS live FROM keys WHERE member_id = ? AND revoked_at IS NULL
     AND (expires_at IS NULL OR expires_at > ?)`,
  );
  const forgetEnded = database.prepare("DELETE FROM keys WHERE revoked_at < ? OR expires_at < ?");
  const setUsed = database.prepare("UPDATE keys SET last_used_at = ?, last_used_address = ? WHERE id = ?");
  const setRevoked = database.prepare("UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL");
  const setAllRevoked = database.prepare(
    "UPDATE keys SET revoked_at = ? WHERE member_id = ? AND revoked_at IS NULL",
  );
  const beingNoted = new Set<number>();
  const memory = createRowMemory<{ row: Row; key: Key; member: Member }>(database);

  function findLive(kind: KeyKind, hash: Buffer): { row: Row; key: Key; member: Member } | undefined {
    const row = selectByHash.get(hash, kind);
    const member = row && accounts.get(row.memberId);
    return row && member && { row, key: fromRow(row), member };
  }

  function noteUse(key: Row, address: string): void {
    const at = now();
    // A clock set back must not hide a use for as long: the distance counts, either way.
    if (key.lastUsedAt !== null && Math.abs(at - key.lastUsedAt) < useInterval) return;
    if (beingNoted.has(key.id)) return;
    beingNoted.add(key.id);
    database
      .write(() => void setUsed.run(at, address, key.id))
      .catch(options.onError)
      .finally(() => beingNoted.delete(key.id));
  }

  return {
    create(authority, request) {
      const { kind, memberId } = request;
      return database.write(() => {
        requireOwn(authority, memberId);
        const member = accounts.require(memberId);
        const scopes = readScopes(request.scopes, member.role, kind);
        const name = readLabel(request.name, kind === "api-key" ? "API key" : "App password");
        const createdAt = now();
        const expiresAt = readExpiry(kind, request.expiresInMs, createdAt);
        forgetEnded.run(createdAt - keptAfterEnd, createdAt - keptAfterEnd);
        if ((countLive.get(memberId, createdAt)?.live ?? 0) >= mostOfOneMember) {
          throw new MembersError("too-many", `There are ${mostOfOneMember} keys already. Revoke one first.`);
        }
        const { secret, hash } = makeKeySecret(kind);
        const { lastInsertRowid: id } = insert.run(
          kind,
          hash,
          memberId,
          name,
          scopes.join(" "),
          createdAt,
          expiresAt,
        );
        const ended = { lastUsedAt: null, lastUsedAddress: null, revokedAt: null };
        return { id, kind, memberId, name, scopes, createdAt, expiresAt, ...ended, secret };
      });
    },
    verify(kind, secret, address) {
      const hash = hashKeySecret(kind, secret);
      const found = hash && memory.recall(`${kind} ${hash.toString("latin1")}`, () => findLive(kind, hash));
      if (!found) return undefined;
      const { row, key, member } = found;
      if (row.expiresAt !== null && row.expiresAt <= now()) return undefined;
      if (member.state === "deactivated" || member.lockedAt !== null) return undefined;
      noteUse(row, address);
      return { key, member };
    },
    list: (memberId) => (memberId === undefined ? selectAll.all() : selectOf.all(memberId)).map(fromRow),
    revoke: (authority, id) =>
      database.write(() => {
        const key = selectById.get(id);
        if (!key) return false;
        requireOwn(authority, key.memberId);
        return setRevoked.run(now(), id).changes > 0;
      }),
    revokeInside: (memberId) => setAllRevoked.run(now(), memberId).changes,
  };
}

function fromRow(row: Row): Key {
  // A scope that this version no longer knows opens nothing.
  return { ...row, scopes: row.scopes.split(" ").filter(isKeyScope) };
}

function readScopes(wished: readonly string[], role: Member["role"], kind: KeyKind): KeyScope[] {
  const allowed = scopesFor(role, kind);
  const scopes = new Set<KeyScope>();
  for (const scope of wished) {
    if (!isKeyScope(scope) || !allowed.includes(scope)) {
      throw invalid(
        `This key cannot have the scope "${scope.slice(0, 40)}". Choose of: ${allowed.join(", ")}.`,
      );
    }
    scopes.add(scope);
  }
  if (scopes.size === 0) throw invalid(`Choose what the key may open: ${allowed.join(", ")}.`);
  return [...scopes];
}

function readExpiry(kind: KeyKind, expiresInMs: number | undefined, createdAt: number): number | null {
  if (expiresInMs === undefined) {
    if (kind === "app-password") return null;
    throw invalid("Say when the API key expires: within a year.");
  }
  if (!Number.isSafeInteger(expiresInMs) || expiresInMs < 1 || expiresInMs > longestLifetime) {
    throw invalid("A key expires within a year: choose from 1 to 366 days.");
  }
  return createdAt + expiresInMs;
}

const invalid = (message: string): MembersError => new MembersError("key-invalid", message);
