import type { Database } from "../storage/database.ts";
import type { Accounts } from "./accounts.ts";
import type { Members } from "./members.ts";
import { canonicalName } from "./names.ts";
import type { Passwords } from "./passwords.ts";

/** Accounts without an invite: the owner makes them, and on a test server, owners among them, whoever asks. */
export function createOpenRegistration(options: {
  database: Database;
  accounts: Accounts;
  passwords: Passwords;
}): NonNullable<Members["registerOpenly"]> {
  const { database, accounts, passwords } = options;
  return async function registerOpenly({ name: wished, password, role }) {
    accounts.checkName(wished);
    const name = canonicalName(wished);
    passwords.check(password, role, name);
    const stored = await passwords.derive(password);
    return database.write(() => accounts.insert(name, role, stored));
  };
}
