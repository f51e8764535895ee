import type { Database } from "../storage/database.ts";
import type { Accounts } from "./accounts.ts";
import { type Invite, type Member, type Members, MembersError } from "./members.ts";
import { canonicalName } from "./names.ts";
import type { Passwords } from "./passwords.ts";
import { hashToken, makeToken } from "./tokens.ts";

export interface Invites {
  readonly create: Members["createInvite"];
  readonly list: () => Invite[];
  readonly revoke: (id: number) => Promise<boolean>;
  readonly valid: (token: string) => boolean;
  readonly register: (request: { name: string; password: string; inviteToken: string }) => Promise<Member>;
}

const mostUses = 1000;
const longestLifetime = 366 * 24 * 60 * 60 * 1000;
const longestLabel = 100;

export function createInvites(options: {
  database: Database;
  accounts: Accounts;
  passwords: Passwords;
  claimed: () => boolean;
  now: () => number;
}): Invites {
  const { database, accounts, passwords, now } = options;
  const open = "hash = ? AND revoked_at IS NULL AND expires_at > ? AND uses < uses_allowed";
  const selectOpen = database.prepare(`SELECT 1 FROM invites WHERE ${open}`);
  const takeUse = database.prepare(`UPDATE invites SET uses = uses + 1 WHERE ${open}`);
  const insert = database.prepare(
    `INSERT INTO invites (hash, name, uses_allowed, created_by, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)`,
  );
  const selectAll = database.prepare<Invite>(
    `SELECT id, name, uses_allowed AS usesAllowed, uses, created_at AS createdAt, expires_at AS expiresAt,
     revoked_at AS revokedAt FROM invites ORDER BY id`,
  );
  const setRevoked = database.prepare(
    "UPDATE invites SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
  );

  const valid = (token: string): boolean => selectOpen.get(hashToken(token), now()) !== undefined;

  function refuseClosed(token: string): void {
    if (!valid(token)) throw closed();
  }

  return {
    async create({ name, uses, expiresInMs, createdBy }) {
      if (!options.claimed()) {
        throw new MembersError(
          "not-claimed",
          "This server has no owner yet. Claim it first, then invite others.",
        );
      }
      refuseOdd(name, uses, expiresInMs);
      const token = makeToken("invite");
      const createdAt = now();
      const expiresAt = createdAt + expiresInMs;
      const id = await database.write(
        () => insert.run(hashToken(token), name, uses, createdBy, createdAt, expiresAt).lastInsertRowid,
      );
      return { id, name, usesAllowed: uses, uses: 0, createdAt, expiresAt, revokedAt: null, token };
    },
    list: () => selectAll.all(),
    revoke: (id) => database.write(() => setRevoked.run(now(), id).changes > 0),
    valid,
    async register({ name: wished, password, inviteToken }) {
      // The token first: whoever has none learns nothing about names, and costs no derivation.
      refuseClosed(inviteToken);
      accounts.checkName(wished);
      const name = canonicalName(wished);
      passwords.check(password, "member", name);
      const stored = await passwords.derive(password, () => refuseClosed(inviteToken));
      return database.write(() => {
        if (takeUse.run(hashToken(inviteToken), now()).changes === 0) throw closed();
        return accounts.insert(name, "member", stored);
      });
    },
  };
}

function refuseOdd(name: string, uses: number, expiresInMs: number): void {
  if (name.length > longestLabel) {
    throw odd(`Give the invite a shorter name: at most ${longestLabel} characters.`);
  }
  if (!Number.isSafeInteger(uses) || uses < 1 || uses > mostUses) {
    throw odd(`An invite lets in from 1 to ${mostUses} people.`);
  }
  if (!Number.isSafeInteger(expiresInMs) || expiresInMs < 1 || expiresInMs > longestLifetime) {
    throw odd("An invite expires after at most 366 days.");
  }
}

function odd(message: string): MembersError {
  return new MembersError("invite-invalid", message);
}

function closed(): MembersError {
  return odd("This invite is wrong, used up, expired or withdrawn. Ask whoever sent it for a new one.");
}
