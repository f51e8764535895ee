import { hash, randomBytes } from "node:crypto";
import type { Database } from "../../storage/database.ts";
import { createRowMemory } from "../../storage/row-memory.ts";

/** Browsers and networks from which an account has signed in before: what tells its people from strangers. */
export interface Acquaintances {
  /** A fresh cookie value for a browser of this account. */
  introduce(account: string): Promise<string>;
  /** The device behind a cookie, if it is this account's and not too old. */
  deviceOf(cookie: string, account: string): string | undefined;
  isKnown(account: string, network: string): boolean;
  /** Notes a sign-in; writes at most once a day a network and device. */
  greet(account: string, network: string, device: string | undefined): Promise<void>;
  /** Inside a write: forgets who has not come for long, and what is too much of one account. */
  tidy(): void;
}

const day = 24 * 60 * 60 * 1000;
const deviceLifetime = 365 * day;
const deviceIdle = 90 * day;
const networkIdle = 30 * day;
/** Of one account; the ones not seen for longest go first. */
const mostDevices = 50;
const mostNetworks = 200;

export function createAcquaintances(database: Database, now: () => number): Acquaintances {
  const insertDevice = database.prepare(
    "INSERT INTO known_device (hash, account, created_at, seen_at) VALUES (?, ?, ?, ?)",
  );
  const selectDevice = database.prepare<{ seenAt: number }>(
    "SELECT seen_at AS seenAt FROM known_device WHERE hash = ? AND account = ? AND created_at > ? AND seen_at > ?",
  );
  const seeDevice = database.prepare("UPDATE known_device SET seen_at = ? WHERE hash = ?");
  const selectNetwork = database.prepare<{ seenAt: number }>(
    "SELECT seen_at AS seenAt FROM known_network WHERE account = ? AND network = ?",
  );
  const seeNetwork = database.prepare(
    "INSERT INTO known_network (account, network, seen_at) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at",
  );
  const forget = [
    database.prepare("DELETE FROM known_device WHERE created_at <= ? OR seen_at <= ?"),
    database.prepare("DELETE FROM known_network WHERE seen_at <= ?"),
    database.prepare(
      `DELETE FROM known_device WHERE hash IN (SELECT hash FROM
         (SELECT hash, row_number() OVER (PARTITION BY account ORDER BY seen_at DESC) AS place FROM known_device)
       WHERE place > ?)`,
    ),
    database.prepare(
      `DELETE FROM known_network WHERE (account, network) IN (SELECT account, network FROM
         (SELECT account, network, row_number() OVER (PARTITION BY account ORDER BY seen_at DESC) AS place
          FROM known_network)
       WHERE place > ?)`,
    ),
  ] as const;

  const findDevice = (digest: Buffer, account: string): { seenAt: number } | undefined =>
    selectDevice.get(digest, account, now() - deviceLifetime, now() - deviceIdle);
  // A mail or files client comes with its app password at each request. No network has a space in it.
  const networks = createRowMemory<{ seenAt: number }>(database);
  const findNetwork = (account: string, network: string): { seenAt: number } | undefined => {
    const found = networks.recall(`${network} ${account}`, () => selectNetwork.get(account, network));
    return found && found.seenAt > now() - networkIdle ? found : undefined;
  };

  return {
    async introduce(account) {
      const cookie = randomBytes(32).toString("base64url");
      const at = now();
      await database.write(() => insertDevice.run(digestOf(cookie), account, at, at));
      return cookie;
    },
    deviceOf(cookie, account) {
      // What is no cookie of ours is not even hashed: it may be long.
      if (cookie.length !== 43) return undefined;
      const digest = digestOf(cookie);
      return findDevice(digest, account) && digest.toString("base64url");
    },
    isKnown: (account, network) => findNetwork(account, network) !== undefined,
    async greet(account, network, device) {
      const at = now();
      const stale = (seen: { seenAt: number } | undefined): boolean => !seen || at - seen.seenAt > day;
      const digest = device === undefined ? undefined : Buffer.from(device, "base64url");
      const seeAgain = digest !== undefined && stale(findDevice(digest, account));
      if (!seeAgain && !stale(findNetwork(account, network))) return;
      await database.write(() => {
        seeNetwork.run(account, network, at);
        if (digest !== undefined) seeDevice.run(at, digest);
      });
    },
    tidy() {
      forget[0].run(now() - deviceLifetime, now() - deviceIdle);
      forget[1].run(now() - networkIdle);
      forget[2].run(mostDevices);
      forget[3].run(mostNetworks);
    },
  };
}

const digestOf = (cookie: string): Buffer => hash("sha256", cookie, "buffer");
