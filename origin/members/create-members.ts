import type { Database } from "../storage/database.ts";
import { createAccounts } from "./accounts.ts";
import { createApprovals } from "./approvals.ts";
import { createChanges } from "./changes.ts";
import type { SealingKeys } from "./factors/seal.ts";
import { createSecondFactors } from "./factors/second-factors.ts";
import { createInvites } from "./invites.ts";
import { createKdf, type Kdf } from "./kdf.ts";
import { createKdfQueue } from "./kdf-queue.ts";
import { createKeys } from "./keys/keys.ts";
import { type Members, MembersError, type SessionsKept } from "./members.ts";
import { createOpenRegistration } from "./open-registration.ts";
import { createPasswords } from "./passwords.ts";
import { createRevokeAll } from "./revoke-all.ts";
import { createSessions } from "./sessions.ts";
import { createSetup } from "./setup.ts";
import { createTickets } from "./tickets.ts";
import { createWebSessions, type WebSessionLifetimes } from "./web-sessions/web-sessions.ts";

export interface MembersOptions {
  /** Opened with `membersMigrations`; stays the caller's, and is closed after the members. */
  readonly database: Database;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** Refused as a password; absent where nothing is known of it. */
  readonly serverName?: string;
  readonly kdf?: Kdf;
  /** By which the secrets of authenticator apps are kept; without them nobody enrols one, and none is right. */
  readonly sealingKeys?: SealingKeys;
  /** A test server's: whoever asks gets an account, with any password. */
  readonly open?: boolean;
  /** Whether anybody may sign in now: false while the panic latch says so. */
  readonly signInsOpen?: () => boolean;
  readonly webSessions?: WebSessionLifetimes;
  /** Told of writes that nobody waits for and that failed. */
  readonly log?: { warn(event: string, fields?: { error: string }): void };
}

const day = 24 * 60 * 60 * 1000;

const noKeys: SealingKeys = {
  all: () => [],
  newest() {
    throw new Error("Authenticator apps are enrolled where there is a key for their secrets.");
  },
  dropOld() {},
};

/** The members' domain over one database. `close` stops its timer; it writes nothing of its own afterwards. */
export function createMembers(options: MembersOptions): Members & { close(): void } {
  const { database, now, serverName = "", kdf = createKdf(), open = false } = options;
  const { signInsOpen = () => true, sealingKeys = noKeys } = options;
  const onError = (error: unknown): void =>
    options.log?.warn("members.background-write-failed", { error: String(error) });

  /** The last word on signing in, whichever route it comes by. */
  function refuseClosed(): void {
    if (signInsOpen()) return;
    throw new MembersError("closed", "This server lets nobody sign in for now. Try again later.");
  }

  const changes = createChanges(database, now);
  const accounts = createAccounts(database, changes, now);
  const sessions = createSessions({ database, accounts, changes, now, onError, refuseClosed });
  const queue = createKdfQueue({ concurrency: 2, longest: 64, perSource: 16 });
  const passwords = createPasswords({ database, accounts, kdf, queue, serverName, anyPassword: open });
  const setup = createSetup({ database, accounts, passwords, now });
  const invites = createInvites({ database, accounts, passwords, claimed: setup.claimed, now });

  const register = createOpenRegistration({ database, accounts, passwords });
  const factors = createSecondFactors({ database, accounts, serverName, sealingKeys, now });
  const lifetimes = options.webSessions ?? { idleMs: 14 * day, absoluteMs: 90 * day };
  const webSessions = createWebSessions({
    database,
    accounts,
    changes,
    lifetimes,
    now,
    onError,
    refuseClosed,
  });
  const keys = createKeys({ database, accounts, now, onError });
  const approvals = createApprovals(database, now);
  const tickets = createTickets(database, now);

  return {
    claimed: setup.claimed,
    createSetupToken: setup.createToken,
    async claim(request) {
      refuseClosed();
      return await setup.claim(request);
    },
    createOwner: setup.createOwner,

    createInvite: invites.create,
    listInvites: invites.list,
    revokeInvite: invites.revoke,
    inviteValid: invites.valid,
    async register(request) {
      refuseClosed();
      return await invites.register(request);
    },
    ...(open && { registerOpenly: register }),
    createAccount: ({ name, password }) => register({ name, password, role: "member" }),

    checkName: accounts.checkName,
    find: accounts.find,
    get: accounts.get,
    list: accounts.list,
    suspend: accounts.suspend,
    unsuspend: accounts.unsuspend,
    lock: accounts.lock,
    unlock: accounts.unlock,
    deactivate: (memberId, { erase = false } = {}) =>
      accounts.deactivate(memberId, erase, (transaction, member) => {
        sessions.endInside(transaction, member);
        webSessions.endInside(transaction, member);
        factors.removeInside(member.id);
        keys.revokeInside(member.id);
      }),
    verifyPassword: passwords.verify,
    async changePassword(memberId, password, kept) {
      let ended = 0;
      await passwords.change(memberId, password, (transaction, member) => {
        const { browser, devices } = survivorsOf(kept);
        ended = webSessions.endInside(transaction, member, browser);
        if (devices !== "all") ended += sessions.endInside(transaction, member, devices?.only);
      });
      return ended;
    },

    openSession: sessions.open,
    authenticate: sessions.authenticate,
    touch: sessions.touch,
    refresh: sessions.refresh,
    ownerOfToken: sessions.ownerOfToken,
    oauthClients: sessions.oauthClients,
    devices: sessions.list,
    presences: sessions.presences,
    renameDevice: sessions.rename,
    endSession: sessions.end,
    endSessions: sessions.endAll,
    revokeAll: createRevokeAll({ database, accounts, sessions, webSessions, keys, now }),
    webSessions,

    passkeys: factors.passkeys,
    totp: factors.totp,
    recoveryCodes: factors.recoveryCodes,
    secondFactors: factors.held,
    resetFactors: factors.reset,
    keys,
    approve: approvals.give,
    approved: approvals.hold,
    endApproval: approvals.end,

    createTicket: tickets.create,
    ticketValid: tickets.valid,
    endTicket: tickets.end,

    changesSince: changes.since,
    onChange: changes.onChange,
    close: changes.close,
  };
}

function survivorsOf(kept: SessionsKept): { browser?: number; devices?: "all" | { only: string } } {
  if (kept === "none") return {};
  if (kept === "all") return { devices: "all" };
  if ("onlyDevice" in kept) return { devices: { only: kept.onlyDevice } };
  return { browser: kept.onlyWebSession, ...(kept.devices === "all" && { devices: "all" }) };
}
