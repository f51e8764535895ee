import { randomInt } from "node:crypto";
import type { Database } from "../storage/database.ts";
import { createRowMemory } from "../storage/row-memory.ts";
import type { Transaction } from "../storage/writer.ts";
import type { Accounts } from "./accounts.ts";
import type { Changes } from "./changes.ts";
import { createDevices, type Devices } from "./devices.ts";
import {
  type Authentication,
  type Member,
  type Members,
  MembersError,
  type OpenedSession,
} from "./members.ts";
import { hashToken, makeToken } from "./tokens.ts";

export interface Sessions extends Omit<Devices, "rename"> {
  readonly rename: Members["renameDevice"];
  readonly open: Members["openSession"];
  readonly authenticate: (accessToken: string) => Authentication;
  readonly refresh: Members["refresh"];
  readonly ownerOfToken: Members["ownerOfToken"];
  readonly oauthClients: Members["oauthClients"];
  readonly end: (memberId: number, deviceId: string) => Promise<boolean>;
  readonly endAll: (memberId: number, exceptDeviceId?: string) => Promise<number>;
  /** Inside a write: ends a member's sessions, all or all but one. */
  readonly endInside: (transaction: Transaction, member: Member, exceptDeviceId?: string) => number;
}

interface TokenRow {
  id: number;
  signIn: number;
  replaces: number | null;
  expiresAt: number | null;
  memberId: number;
  deviceId: string;
  oauthClient: string | null;
}

const accessLifetime = 60 * 60 * 1000;
/** How many answers to a refresh may get lost before the oldest one ends. */
const unusedPairs = 3;

export function createSessions(options: {
  database: Database;
  accounts: Accounts;
  changes: Changes;
  now: () => number;
  /** For writes that nobody waits for. */
  onError: (error: unknown) => void;
  /** Throws `closed` while nobody may sign in. */
  refuseClosed: () => void;
}): Sessions {
  const { database, accounts, changes, now, refuseClosed } = options;
  const devices = createDevices(options);
  const insertToken = database.prepare(
    `INSERT INTO tokens
     (access_hash, refresh_hash, member_id, device_id, sign_in, replaces, expires_at, oauth_client)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const columns = `id, coalesce(sign_in, id) AS signIn, replaces, expires_at AS expiresAt,
    member_id AS memberId, device_id AS deviceId, oauth_client AS oauthClient`;
  const selectAccess = database.prepare<TokenRow>(`SELECT ${columns} FROM tokens WHERE access_hash = ?`);
  const selectRefresh = database.prepare<TokenRow>(`SELECT ${columns} FROM tokens WHERE refresh_hash = ?`);
  const selectClients = database.prepare<{ client: string }>(
    "SELECT DISTINCT oauth_client AS client FROM tokens WHERE oauth_client IS NOT NULL",
  );
  const deleteTokensOf = database.prepare("DELETE FROM tokens WHERE member_id = ? AND device_id = ?");
  const markUsed = database.prepare(
    "UPDATE tokens SET replaces = NULL WHERE id = ? AND replaces IS NOT NULL",
  );
  const deleteReplaced = database.prepare("DELETE FROM tokens WHERE id = ? OR replaces = ?");
  const trimUnused = database.prepare(
    `DELETE FROM tokens WHERE replaces = ? AND id NOT IN
     (SELECT id FROM tokens WHERE replaces = ? ORDER BY id DESC LIMIT ?)`,
  );
  const beingRetired = new Set<number>();
  const memory = createRowMemory<{ row: TokenRow; member: Member }>(database);

  function findSession(hash: Buffer): { row: TokenRow; member: Member } | undefined {
    const row = selectAccess.get(hash);
    // Two look-ups by key: joined in one statement they take four times as long.
    const member = row && accounts.get(row.memberId);
    return row && member && { row, member };
  }

  function makePair(
    refreshable: boolean,
    device: { memberId: number; deviceId: string; oauthClient: string | null },
    old?: TokenRef,
  ) {
    const accessToken = makeToken("access");
    const refreshToken = refreshable ? makeToken("refresh") : undefined;
    insertToken.run(
      hashToken(accessToken),
      refreshToken === undefined ? null : hashToken(refreshToken),
      device.memberId,
      device.deviceId,
      old?.signIn ?? null,
      old?.id ?? null,
      refreshable ? now() + accessLifetime : null,
      device.oauthClient,
    );
    const opened: OpenedSession = { deviceId: device.deviceId, accessToken };
    return refreshToken === undefined ? opened : { ...opened, refreshToken, expiresInMs: accessLifetime };
  }

  /** Inside a write: the pair has been used, so the client has it: the one before ends. */
  function retire(id: number, replaces: number): void {
    if (markUsed.run(id).changes > 0) deleteReplaced.run(replaces, replaces);
  }

  function retireSoon(id: number, replaces: number): void {
    if (beingRetired.has(id)) return;
    beingRetired.add(id);
    database
      .write(() => retire(id, replaces))
      .catch(options.onError)
      .finally(() => beingRetired.delete(id));
  }

  function endInside(transaction: Transaction, member: Member, exceptDeviceId?: string): number {
    const ended = devices.list(member.id).filter((device) => device.deviceId !== exceptDeviceId);
    for (const { deviceId } of ended) {
      devices.remove(member.id, deviceId);
      changes.record(transaction, {
        memberId: member.id,
        name: member.name,
        kind: "session-ended",
        deviceId,
      });
    }
    return ended.length;
  }

  return {
    ...devices,
    endInside,
    rename: (memberId, deviceId, displayName) =>
      database.write((transaction) => {
        const member = accounts.get(memberId);
        if (!member || !devices.rename(memberId, deviceId, displayName)) return false;
        changes.record(transaction, { memberId, name: member.name, kind: "device-renamed", deviceId });
        return true;
      }),
    open: (memberId, { deviceId = makeDeviceId(), displayName, refreshable = false, oauthClient, address }) =>
      database.write(() => {
        refuseClosed();
        if (accounts.require(memberId).lockedAt !== null) throw lockedAccount();
        // Signing in again on a known device: its old tokens end, its keys (which hang on the device) stay.
        deleteTokensOf.run(memberId, deviceId);
        devices.add(memberId, deviceId, displayName ?? null, address);
        return makePair(refreshable, { memberId, deviceId, oauthClient: oauthClient ?? null });
      }),
    authenticate(accessToken) {
      const hash = hashToken(accessToken);
      const found = memory.recall(hash.toString("latin1"), () => findSession(hash));
      if (!found || found.member.state === "deactivated") return { kind: "unknown" };
      const { row, member } = found;
      if (row.expiresAt !== null && row.expiresAt <= now()) return { kind: "expired" };
      if (row.replaces !== null) retireSoon(row.id, row.replaces);
      const { name, role } = member;
      const { memberId, deviceId, signIn: tokenId, oauthClient } = row;
      const session = { memberId, name, role, deviceId, tokenId, oauthClient };
      if (member.lockedAt !== null) return { kind: "locked", session };
      return { kind: member.state === "suspended" ? "suspended" : "ok", session };
    },
    ownerOfToken(token) {
      const hash = hashToken(token);
      return selectAccess.get(hash) ?? selectRefresh.get(hash);
    },
    oauthClients: () => new Set(selectClients.all().map(({ client }) => client)),
    refresh(refreshToken, oauthClient) {
      const hash = hashToken(refreshToken);
      return database.write(() => {
        const row = selectRefresh.get(hash);
        if (!row || row.oauthClient !== (oauthClient ?? null))
          throw new MembersError("refresh-invalid", "This session has ended. Sign in again.");
        if (accounts.get(row.memberId)?.lockedAt != null) throw lockedAccount();
        if (row.replaces !== null) retire(row.id, row.replaces);
        const opened = makePair(true, row, row);
        trimUnused.run(row.id, row.id, unusedPairs);
        return opened;
      });
    },
    end: (memberId, deviceId) =>
      database.write((transaction) => {
        const member = accounts.get(memberId);
        if (!member || !devices.remove(memberId, deviceId)) return false;
        changes.record(transaction, { memberId, name: member.name, kind: "session-ended", deviceId });
        return true;
      }),
    endAll: (memberId, exceptDeviceId) =>
      database.write((transaction) => {
        const member = accounts.get(memberId);
        return member ? endInside(transaction, member, exceptDeviceId) : 0;
      }),
  };
}

const lockedAccount = (): MembersError =>
  new MembersError("locked", "This account is locked. Ask the owner of this server.");

interface TokenRef {
  id: number;
  signIn: number;
}

/** Ten capital letters, as clients show them to people who compare devices. */
function makeDeviceId(): string {
  return Array.from({ length: 10 }, () => String.fromCharCode(65 + randomInt(26))).join("");
}
