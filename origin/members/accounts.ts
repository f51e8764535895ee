import type { Database } from "../storage/database.ts";
import type { Transaction } from "../storage/writer.ts";
import type { Changes } from "./changes.ts";
import { type Member, MembersError } from "./members.ts";
import { canonicalName, parseName } from "./names.ts";

export interface Accounts {
  readonly checkName: (name: string) => void;
  readonly find: (name: string) => Member | undefined;
  readonly get: (id: number) => Member | undefined;
  /** The member, unless there is none of this id or it was deactivated: then throws unknown-member. */
  readonly require: (id: number) => Member;
  readonly list: () => Member[];
  /** Inside a write: makes the account. `name` is canonical, `password` in stored form. */
  readonly insert: (name: string, role: Member["role"], password: string) => Member;
  readonly suspend: (id: number) => Promise<void>;
  readonly unsuspend: (id: number) => Promise<void>;
  readonly lock: (id: number) => Promise<void>;
  readonly unlock: (id: number) => Promise<void>;
  /** `endSessions` runs in the same transaction. */
  readonly deactivate: (
    id: number,
    erase: boolean,
    endSessions: (transaction: Transaction, member: Member) => void,
  ) => Promise<void>;
}

const columns = "id, name, role, state, created_at AS createdAt, locked_at AS lockedAt";

export function createAccounts(database: Database, changes: Changes, now: () => number): Accounts {
  const byName = database.prepare<Member>(`SELECT ${columns} FROM members WHERE name = ?`);
  const byId = database.prepare<Member>(`SELECT ${columns} FROM members WHERE id = ?`);
  const all = database.prepare<Member>(`SELECT ${columns} FROM members ORDER BY id`);
  const insertMember = database.prepare(
    "INSERT INTO members (name, role, state, password, created_at) VALUES (?, ?, 'active', ?, ?)",
  );
  const setLocked = database.prepare("UPDATE members SET locked_at = ? WHERE id = ?");
  const setState = database.prepare("UPDATE members SET state = ? WHERE id = ?");
  const forgetPassword = database.prepare("UPDATE members SET password = NULL WHERE id = ?");

  function require(id: number): Member {
    const member = byId.get(id);
    if (!member || member.state === "deactivated") {
      throw new MembersError("unknown-member", "There is no such member.");
    }
    return member;
  }

  function requireOther(id: number, wish: string): Member {
    const member = require(id);
    if (member.role === "owner") {
      throw new MembersError("owner-protected", `The owner's account cannot be ${wish}.`);
    }
    return member;
  }

  function refuseTaken(name: string): void {
    if (byName.get(name)) throw new MembersError("name-taken", "This name is taken. Choose another one.");
  }

  return {
    checkName: (name) => refuseTaken(parseName(name)),
    find: (name) => byName.get(canonicalName(name)),
    get: (id) => byId.get(id),
    require,
    list: () => all.all(),
    insert(name, role, password) {
      refuseTaken(name);
      const createdAt = now();
      const { lastInsertRowid } = insertMember.run(name, role, password, createdAt);
      return { id: lastInsertRowid, name, role, state: "active", createdAt, lockedAt: null };
    },
    suspend: (id) =>
      database.write((transaction) => {
        const member = requireOther(id, "suspended");
        if (member.state === "suspended") return;
        setState.run("suspended", id);
        changes.record(transaction, { memberId: id, name: member.name, kind: "suspended", deviceId: null });
      }),
    unsuspend: (id) =>
      database.write((transaction) => {
        const member = require(id);
        if (member.state === "active") return;
        setState.run("active", id);
        changes.record(transaction, { memberId: id, name: member.name, kind: "unsuspended", deviceId: null });
      }),
    lock: (id) =>
      database.write((transaction) => {
        const member = requireOther(id, "locked");
        if (member.lockedAt !== null) return;
        setLocked.run(now(), id);
        changes.record(transaction, { memberId: id, name: member.name, kind: "locked", deviceId: null });
      }),
    unlock: (id) =>
      database.write((transaction) => {
        const member = require(id);
        if (member.lockedAt === null) return;
        setLocked.run(null, id);
        changes.record(transaction, { memberId: id, name: member.name, kind: "unlocked", deviceId: null });
      }),
    deactivate: (id, erase, endSessions) =>
      database.write((transaction) => {
        const closed = byId.get(id);
        if (erase && closed?.state === "deactivated") {
          changes.record(transaction, { memberId: id, name: closed.name, kind: "erased", deviceId: null });
          return;
        }
        const member = requireOther(id, "deactivated");
        endSessions(transaction, member);
        // The row stays, so that nobody else ever gets the name and what was said under it.
        setState.run("deactivated", id);
        forgetPassword.run(id);
        changes.record(transaction, { memberId: id, name: member.name, kind: "deactivated", deviceId: null });
        if (erase) {
          changes.record(transaction, { memberId: id, name: member.name, kind: "erased", deviceId: null });
        }
      }),
  };
}
