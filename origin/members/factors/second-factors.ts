import type { Database } from "../../storage/database.ts";
import type { Accounts } from "../accounts.ts";
import { type Authority, requireOwn } from "../authority.ts";
import { createPasskeys, type Passkeys } from "./passkeys.ts";
import { createRecoveryCodes, type RecoveryCodes } from "./recovery-codes.ts";
import type { SealingKeys } from "./seal.ts";
import { createTotp, type Totp } from "./totp.ts";

/** What a member has beside the password. */
export interface FactorsHeld {
  /** A password alone signs nobody in: one of the others is asked for, too. */
  readonly required: boolean;
  readonly passkeys: number;
  readonly totp: boolean;
  readonly recoveryCodes: number;
}

/** The recovery codes go with the last of the others, for then they stand in for nothing. */
export interface SecondFactors {
  readonly passkeys: Omit<Passkeys, "removeInside"> & {
    /** False: there is none such. Throws not-allowed. */
    readonly remove: (authority: Authority, memberId: number, id: number) => Promise<boolean>;
  };
  readonly totp: Omit<Totp, "removeInside"> & {
    /** False: none is enrolled. Throws not-allowed. */
    readonly remove: (authority: Authority, memberId: number) => Promise<boolean>;
  };
  readonly recoveryCodes: Omit<RecoveryCodes, "removeInside">;
  readonly held: (memberId: number) => FactorsHeld;
  /** Back to the password alone; tells what there was. */
  readonly reset: (authority: Authority, memberId: number) => Promise<FactorsHeld>;
  /** Inside a write: for an account that ends. */
  readonly removeInside: (memberId: number) => void;
}

export function createSecondFactors(options: {
  database: Database;
  accounts: Accounts;
  serverName: string;
  sealingKeys: SealingKeys;
  now: () => number;
}): SecondFactors {
  const { database, accounts } = options;
  const passkeys = createPasskeys(options);
  const totp = createTotp(options);
  const recoveryCodes = createRecoveryCodes(options);

  function held(memberId: number): FactorsHeld {
    const keys = passkeys.list(memberId).length;
    const app = totp.enrolledAt(memberId) !== undefined;
    const codes = recoveryCodes.remaining(memberId);
    return { required: keys > 0 || app, passkeys: keys, totp: app, recoveryCodes: codes };
  }

  function removeInside(memberId: number): void {
    passkeys.removeInside(memberId);
    totp.removeInside(memberId);
    recoveryCodes.removeInside(memberId);
  }

  function remove(authority: Authority, memberId: number, work: () => boolean): Promise<boolean> {
    return database.write(() => {
      requireOwn(authority, memberId);
      const removed = work();
      if (removed && !held(memberId).required) recoveryCodes.removeInside(memberId);
      return removed;
    });
  }

  return {
    passkeys: {
      ...passkeys,
      remove: (authority, memberId, id) =>
        remove(authority, memberId, () => passkeys.removeInside(memberId, id) > 0),
    },
    totp: {
      ...totp,
      remove: (authority, memberId) => remove(authority, memberId, () => totp.removeInside(memberId)),
    },
    recoveryCodes,
    held,
    reset: (authority, memberId) =>
      database.write(() => {
        requireOwn(authority, memberId);
        accounts.require(memberId);
        const before = held(memberId);
        removeInside(memberId);
        return before;
      }),
    removeInside,
  };
}
