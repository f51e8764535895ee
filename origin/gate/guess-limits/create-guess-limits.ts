import { hash, randomBytes } from "node:crypto";
import { networksOf } from "../../../shared/client-networks.ts";
import { nothingSpent, type Spent, spendOne, waitOf } from "../../../shared/guess-budget.ts";
import { ThrottledError } from "../../http/throttled-error.ts";
import type { Database } from "../../storage/database.ts";
import type { GuessLimits } from "./guess-limits.ts";

const minute = 60_000;
const allowance = { free: 10, firstDelay: 5_000, longestDelay: 60 * minute, forgiveAfter: 30 * minute };

/** The limits over one database; `limited: false` (a test server) counts nothing. */
export function createGuessLimits(options: {
  /** Opened with `throttleMigrations`; stays the caller's. */
  readonly database: Database;
  readonly nameOf: (memberId: number) => string | undefined;
  readonly now: () => number;
  readonly limited: boolean;
}): GuessLimits {
  const { database, nameOf, now, limited } = options;
  const spent = new Map<string, Spent>();
  const insertDevice = database.prepare(
    "INSERT INTO known_device (hash, account, created_at, seen_at) VALUES (?, ?, ?, ?)",
  );

  return {
    async attempt(context, { kind }, work) {
      const networks = networksOf(context.client.address);
      const key = `${kind} ${networks.sources[0].text}`;
      const wait = limited ? waitOf(spent.get(key) ?? nothingSpent, allowance, now()) : 0;
      if (wait > 0) throw new ThrottledError(wait);
      const found = await work({ source: networks.neighbourhood });
      context.guess = found === undefined ? "failed" : "ok";
      if (found === undefined && limited) {
        spent.set(key, spendOne(spent.get(key) ?? nothingSpent, allowance, now()));
      }
      return found;
    },
    async rememberDevice(memberId) {
      const cookie = randomBytes(32).toString("base64url");
      const at = now();
      await database.write(() =>
        insertDevice.run(hash("sha256", cookie, "buffer"), nameOf(memberId) ?? "", at, at),
      );
      return cookie;
    },
  };
}
