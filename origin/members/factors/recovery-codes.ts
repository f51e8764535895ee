import type { Database } from "../../storage/database.ts";
import type { Accounts } from "../accounts.ts";
import { type Authority, requireOwn } from "../authority.ts";
import { hashToken } from "../tokens.ts";
import { canonicalTypedSecret, makeTypedSecret } from "../typed-secret.ts";

/** What is kept on paper for the day when passkey and authenticator app are lost. */
export interface RecoveryCodes {
  /** Ten new ones, shown once; those before end. Throws not-allowed. */
  readonly regenerate: (authority: Authority, memberId: number) => Promise<string[]>;
  /** True once for each code. */
  readonly use: (memberId: number, code: string) => Promise<boolean>;
  readonly remaining: (memberId: number) => number;
  /** Inside a write. */
  readonly removeInside: (memberId: number) => void;
}

const howMany = 10;
/** 80 bits. */
const groups = 4;
/** Longer is none in any spelling. */
const longestInput = 100;

export function createRecoveryCodes(options: { database: Database; accounts: Accounts }): RecoveryCodes {
  const { database, accounts } = options;
  const insert = database.prepare("INSERT INTO recovery_codes (member_id, hash) VALUES (?, ?)");
  const take = database.prepare("DELETE FROM recovery_codes WHERE member_id = ? AND hash = ?");
  const removeAll = database.prepare("DELETE FROM recovery_codes WHERE member_id = ?");
  const count = database.prepare<{ codes: number }>(
    "SELECT count(*) AS codes FROM recovery_codes WHERE member_id = ?",
  );
  const hash = (code: string): Buffer => hashToken(canonicalTypedSecret(code));

  return {
    regenerate: (authority, memberId) =>
      database.write(() => {
        requireOwn(authority, memberId);
        accounts.require(memberId);
        removeAll.run(memberId);
        const codes = Array.from({ length: howMany }, () => makeTypedSecret(groups));
        for (const code of codes) insert.run(memberId, hash(code));
        return codes;
      }),
    async use(memberId, code) {
      if (code.length > longestInput) return false;
      return database.write(() => take.run(memberId, hash(code)).changes > 0);
    },
    remaining: (memberId) => count.get(memberId)?.codes ?? 0,
    removeInside: (memberId) => void removeAll.run(memberId),
  };
}
