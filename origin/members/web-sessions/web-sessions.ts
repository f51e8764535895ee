import type { Database } from "../../storage/database.ts";
import { createRowMemory } from "../../storage/row-memory.ts";
import type { Transaction } from "../../storage/writer.ts";
import type { Accounts } from "../accounts.ts";
import type { Changes } from "../changes.ts";
import { readLabel } from "../labels.ts";
import { type Member, MembersError } from "../members.ts";
import { hashToken, makeToken } from "../tokens.ts";
import { browserName } from "./browser-name.ts";
import { networkName } from "./network.ts";
import type { BrowserFacts, ListedWebSession, OpenedWebSession, WebSessions } from "./web-session.ts";

/** How long a session lives: unseen, and at the most. In ms. */
export interface WebSessionLifetimes {
  readonly idleMs: number;
  readonly absoluteMs: number;
}

interface Row {
  readonly id: number;
  readonly parentId: number | null;
  readonly memberId: number;
  readonly host: string;
  readonly authenticatedAt: number;
  readonly createdAt: number;
  readonly lastSeenAt: number;
}

interface Found {
  readonly row: Row;
  readonly root: Row;
  readonly member: Member;
}

interface ListedRow extends Omit<ListedWebSession, "hosts"> {
  readonly hosts: string | null;
}

const touchInterval = 5 * 60 * 1000;
const mostOfOneMember = 100;

/** One table of sessions. `endInside` and its like are for writes that end sessions beside something else. */
export function createWebSessions(options: {
  database: Database;
  accounts: Accounts;
  changes: Changes;
  lifetimes: WebSessionLifetimes;
  now: () => number;
  /** For writes that nobody waits for. */
  onError: (error: unknown) => void;
  /** Throws `closed` while nobody may sign in. */
  refuseClosed: () => void;
}): WebSessions & {
  /** Inside a write: ends a member's sessions, all or all but one, and counts up the epoch. How many browsers. */
  readonly endInside: (transaction: Transaction, member: Member, exceptId?: number) => number;
} {
  const { database, accounts, changes, now, refuseClosed } = options;
  const { idleMs, absoluteMs } = options.lifetimes;
  const columns = `s.id, s.parent_id AS parentId, s.member_id AS memberId, s.host, s.created_at AS createdAt,
    s.authenticated_at AS authenticatedAt, s.last_seen_at AS lastSeenAt`;
  const isCurrent = "s.epoch = (SELECT session_epoch FROM members WHERE id = s.member_id)";
  const selectByToken = database.prepare<Row>(
    `SELECT ${columns} FROM web_sessions s WHERE s.token_hash = ? AND ${isCurrent}`,
  );
  const selectById = database.prepare<Row>(
    `SELECT ${columns} FROM web_sessions s WHERE s.id = ? AND ${isCurrent}`,
  );
  const selectOwn = database.prepare<{ id: number; parentId: number | null }>(
    `SELECT id, parent_id AS parentId FROM web_sessions WHERE member_id = ? ORDER BY last_seen_at, id`,
  );
  const selectChildren = database.prepare<{ id: number }>("SELECT id FROM web_sessions WHERE parent_id = ?");
  const selectList = database.prepare<ListedRow>(
    `SELECT s.id, s.name, s.browser, s.network, s.created_at AS createdAt, s.last_seen_at AS lastSeenAt,
     (SELECT group_concat(c.host, ' ') FROM web_sessions c WHERE c.parent_id = s.id) AS hosts
     FROM web_sessions s WHERE s.member_id = ? AND s.parent_id IS NULL AND ${isCurrent}
     AND s.last_seen_at > ? AND s.created_at > ? ORDER BY s.last_seen_at DESC, s.id DESC`,
  );
  const insert = database.prepare(
    `INSERT INTO web_sessions (token_hash, member_id, parent_id, host, epoch, browser, network, authenticated_at,
     created_at, last_seen_at)
     VALUES (?, ?, ?, ?, (SELECT session_epoch FROM members WHERE id = ?), ?, ?, ?, ?, ?)`,
  );
  const see = database.prepare(
    "UPDATE web_sessions SET last_seen_at = max(last_seen_at, ?), network = ? WHERE id IN (?, ?)",
  );
  const setName = database.prepare(
    "UPDATE web_sessions SET name = ? WHERE member_id = ? AND id = ? AND parent_id IS NULL",
  );
  const setAuthenticated = database.prepare(
    "UPDATE web_sessions SET authenticated_at = ? WHERE member_id = ? AND (id = ? OR parent_id = ?)",
  );
  const remove = database.prepare("DELETE FROM web_sessions WHERE id = ?");
  const removeChildOn = database.prepare<{ id: number }>(
    "SELECT id FROM web_sessions WHERE parent_id = ? AND host = ?",
  );
  const forgetExpired = database.prepare(
    "DELETE FROM web_sessions WHERE parent_id IS NULL AND (last_seen_at <= ? OR created_at <= ?)",
  );
  const countUp = database.prepare("UPDATE members SET session_epoch = session_epoch + 1 WHERE id = ?");
  const carryOver = database.prepare(
    `UPDATE web_sessions SET epoch = (SELECT session_epoch FROM members WHERE id = web_sessions.member_id)
     WHERE id = ? OR parent_id = ?`,
  );
  const selectEpoch = database.prepare<{ epoch: number }>(
    "SELECT session_epoch AS epoch FROM members WHERE id = ?",
  );
  const beingSeen = new Set<number>();
  const memory = createRowMemory<Found>(database);

  function isLive({ createdAt, lastSeenAt }: Row): boolean {
    return lastSeenAt > now() - idleMs && createdAt > now() - absoluteMs;
  }

  /** The row that says how long a session lives: its own or, of a child, that of the parent that it hangs on. */
  function rootOf(row: Row): Row | undefined {
    return row.parentId === null ? row : selectById.get(row.parentId);
  }

  function live(row: Row | undefined): Row | undefined {
    const root = row && rootOf(row);
    return root && isLive(root) ? row : undefined;
  }

  function findByToken(hash: Buffer): Found | undefined {
    const row = selectByToken.get(hash);
    const root = row && rootOf(row);
    const member = root && accounts.get(root.memberId);
    return row && root && member && { row, root, member };
  }

  function add(memberId: number, parent: Row | undefined, browser: BrowserFacts): OpenedWebSession {
    const token = makeToken("web-session");
    const at = now();
    const { lastInsertRowid } = insert.run(
      hashToken(token),
      memberId,
      parent?.id ?? null,
      browser.host,
      memberId,
      browserName(browser.userAgent),
      networkName(browser.address),
      parent?.authenticatedAt ?? at,
      at,
      at,
    );
    const lifetimeMs = parent === undefined ? absoluteMs : Math.max(0, parent.createdAt + absoluteMs - at);
    return { id: lastInsertRowid, token, lifetimeMs };
  }

  /** Inside a write: each row that goes is told, for each may hold connections open. */
  function drop(transaction: Transaction, member: Member, id: number): void {
    const { id: memberId, name } = member;
    for (const gone of [...selectChildren.all(id).map((child) => child.id), id]) {
      remove.run(gone);
      const change = {
        memberId,
        name,
        kind: "web-session-ended",
        deviceId: null,
        webSessionId: gone,
      } as const;
      changes.record(transaction, change);
    }
  }

  function endInside(transaction: Transaction, member: Member, exceptId?: number): number {
    countUp.run(member.id);
    if (exceptId !== undefined) carryOver.run(exceptId, exceptId);
    return dropAll(transaction, member, exceptId);
  }

  function dropAll(transaction: Transaction, member: Member, exceptId?: number): number {
    const ended = selectOwn.all(member.id).filter((row) => row.parentId === null && row.id !== exceptId);
    for (const { id } of ended) drop(transaction, member, id);
    return ended.length;
  }

  return {
    endInside,
    open: (memberId, browser) =>
      database.write((transaction) => {
        refuseClosed();
        const member = accounts.require(memberId);
        if (member.lockedAt !== null) {
          throw new MembersError("locked", "This account is locked. Ask the owner of this server.");
        }
        forgetExpired.run(now() - idleMs, now() - absoluteMs);
        const own = selectOwn.all(memberId).filter(({ parentId }) => parentId === null);
        for (const { id } of own.slice(0, Math.max(0, own.length - mostOfOneMember + 1))) {
          drop(transaction, member, id);
        }
        return add(memberId, undefined, browser);
      }),
    openChild: (parentId, browser) =>
      database.write((transaction) => {
        const parent = live(selectById.get(parentId));
        const member = parent && accounts.get(parent.memberId);
        if (!parent || !member || parent.parentId !== null) return undefined;
        if (member.state === "deactivated" || member.lockedAt !== null) return undefined;
        for (const { id } of removeChildOn.all(parentId, browser.host)) drop(transaction, member, id);
        return add(parent.memberId, parent, browser);
      }),
    find(token, host) {
      const hash = hashToken(token);
      const found = memory.recall(hash.toString("latin1"), () => findByToken(hash));
      if (!found || !isLive(found.root) || found.row.host !== host) return undefined;
      const { row, member } = found;
      if (member.state === "deactivated" || member.lockedAt !== null) return undefined;
      const { id, parentId, authenticatedAt, lastSeenAt } = row;
      return { id, parentId, member, authenticatedAt, lastSeenAt };
    },
    lives: (id) => live(selectById.get(id)) !== undefined,
    epochOf: (memberId) => selectEpoch.get(memberId)?.epoch,
    touch({ id, parentId, lastSeenAt }, address) {
      if (Math.abs(now() - lastSeenAt) < touchInterval || beingSeen.has(id)) return;
      beingSeen.add(id);
      // Who only ever uses an app host is seen at the sign-in host too: it is the same browser.
      database
        .write(() => void see.run(now(), networkName(address), id, parentId ?? id))
        .catch(options.onError)
        .finally(() => beingSeen.delete(id));
    },
    list: (memberId) =>
      selectList
        .all(memberId, now() - idleMs, now() - absoluteMs)
        .map(({ hosts, ...row }) => ({ ...row, hosts: hosts === null ? [] : hosts.split(" ").toSorted() })),
    async rename(memberId, id, name) {
      const label = readLabel(name, "");
      return database.write(() => setName.run(label === "" ? null : label, memberId, id).changes > 0);
    },
    confirm: (memberId, id) => database.write(() => void setAuthenticated.run(now(), memberId, id, id)),
    end: (memberId, id) =>
      database.write((transaction) => {
        const member = accounts.get(memberId);
        const row = selectById.get(id);
        if (!member || row?.memberId !== memberId) return false;
        drop(transaction, member, id);
        return true;
      }),
    endOthers: (memberId, exceptId) =>
      database.write((transaction) => dropAll(transaction, accounts.require(memberId), exceptId)),
    endAll: (memberId) => database.write((transaction) => endInside(transaction, accounts.require(memberId))),
  };
}
