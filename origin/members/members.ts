import type { Authority } from "./authority.ts";
import type { FactorsHeld, SecondFactors } from "./factors/second-factors.ts";
import type { Keys } from "./keys/keys.ts";
import type { KdfTurn } from "./kdf-queue.ts";
import type { WebSessions } from "./web-sessions/web-session.ts";

/**
 * Accounts, passwords, invites and sessions: the domain, without HTTP. Every app signs people in and asks who
 * they are through this one door. Names are Matrix localparts (lower-case `a-z0-9._=/+-`), ids are integers.
 */

export interface Member {
  readonly id: number;
  readonly name: string;
  readonly role: "owner" | "member";
  /** `suspended`: may read and leave, but not speak (Matrix §Account suspension); what an app makes of it is its own. */
  readonly state: "active" | "suspended" | "deactivated";
  /** Unix ms. */
  readonly createdAt: number;
  /** Unix ms; null: not locked. Who is locked can do nothing but sign out, and finds everything again afterwards. */
  readonly lockedAt: number | null;
}

/** A signed-in device of a member: what an access token stands for. */
export interface Session {
  readonly memberId: number;
  readonly name: string;
  readonly role: "owner" | "member";
  readonly deviceId: string;
  /** Identifies the access token itself (not a secret): Matrix ties pushers to it. */
  readonly tokenId: number;
  /** The OAuth client that opened it; null: opened by password. */
  readonly oauthClient: string | null;
}

export type Authentication =
  | { readonly kind: "ok"; readonly session: Session }
  /** Never was, or was ended. */
  | { readonly kind: "unknown" }
  /** A refreshable token past its lifetime: the client may refresh (Matrix: soft_logout). */
  | { readonly kind: "expired" }
  | { readonly kind: "suspended"; readonly session: Session }
  | { readonly kind: "locked"; readonly session: Session };

export interface Device {
  readonly deviceId: string;
  readonly displayName: string | null;
  /** Unix ms. */
  readonly lastSeenAt: number | null;
  readonly lastSeenAddress: string | null;
}

export interface OpenedSession {
  readonly deviceId: string;
  readonly accessToken: string;
  /** Only when the client asked for one; then the access token expires. */
  readonly refreshToken?: string;
  readonly expiresInMs?: number;
}

export interface DeviceRequest {
  /** Absent: a new id is made. Known: its old tokens end, its keys stay (Matrix §login). */
  readonly deviceId?: string | undefined;
  readonly displayName?: string | undefined;
  readonly refreshable?: boolean | undefined;
  /** The OAuth client that it is opened for: no other one can refresh it. */
  readonly oauthClient?: string | undefined;
  readonly address: string;
}

/**
 * Which of the sessions that the old password opened outlast it. Of browsers it is never more than the one that asks:
 * `all` and `none` are about devices.
 */
export type SessionsKept =
  | "all"
  | "none"
  | { readonly onlyDevice: string }
  | { readonly onlyWebSession: number; readonly devices: "all" | "none" };
/** What a member lets a client do in a moment that it cannot do by itself. */
export type ApprovedAct = "cross-signing-reset";

export interface Invite {
  readonly id: number;
  /** What the owner called it: for whom it is. */
  readonly name: string;
  readonly usesAllowed: number;
  readonly uses: number;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
}

/** What `revokeAll` has ended, by kind. */
export interface Revoked {
  readonly devices: number;
  readonly browsers: number;
  /** API keys and app passwords. */
  readonly keys: number;
  readonly invites: number;
}

/** One fact that other parts must follow: kept on disk, so that none is missed over a restart. */
export interface MemberChange {
  readonly seq: number;
  readonly memberId: number;
  readonly name: string;
  readonly kind:
    | "session-ended"
    /** A device's. Others see it beside its keys. */
    | "device-renamed"
    /** A browser's, at one host. */
    | "web-session-ended"
    | "suspended"
    | "unsuspended"
    | "locked"
    | "unlocked"
    | "deactivated"
    /** What the member has said is to be shown to nobody who was not there. Comes after `deactivated`. */
    | "erased";
  /** Of `session-ended` and `device-renamed`. */
  readonly deviceId: string | null;
  /** Of `web-session-ended`. */
  readonly webSessionId: number | null;
}

/** Refusals of this domain. `code` is stable; the message is for people and says what to do. */
export class MembersError extends Error {
  override name = "MembersError";
  readonly code: MembersErrorCode;
  constructor(code: MembersErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export type MembersErrorCode =
  | "name-invalid"
  | "name-taken"
  | "password-weak"
  | "invite-invalid"
  | "setup-invalid"
  | "already-claimed"
  | "not-claimed"
  | "unknown-member"
  | "owner-protected"
  | "refresh-invalid"
  | "key-invalid"
  | "passkey-invalid"
  | "totp-invalid"
  | "label-invalid"
  | "too-many"
  | "not-allowed"
  | "locked"
  /** The panic latch is set: nobody signs in. */
  | "closed"
  | "busy";

export interface Members {
  // Set-up (G1)
  claimed(): boolean;
  /** A fresh one-time token (160 bits, 24 h); earlier ones end. Refused once claimed. */
  createSetupToken(): Promise<string>;
  claim(request: { token: string; name: string; password: string }): Promise<Member>;
  /** On the device, where no token is needed. */
  createOwner(request: { name: string; password: string }): Promise<Member>;

  // Invites (M2)
  createInvite(request: {
    name: string;
    uses: number;
    expiresInMs: number;
    createdBy: number | null;
  }): Promise<Invite & { readonly token: string }>;
  listInvites(): Invite[];
  revokeInvite(id: number): Promise<boolean>;
  /** Whether the token would let somebody in now. Costs no KDF. */
  inviteValid(token: string): boolean;

  // Accounts
  /** Throws name-invalid or name-taken; tells nothing more. */
  checkName(name: string): void;
  /** Takes one use of the invite and makes the account, in one transaction. */
  register(request: { name: string; password: string; inviteToken: string }): Promise<Member>;
  /** Makes an account for the asking: there on a test server only. Throws as `register` does. */
  readonly registerOpenly?: (request: {
    name: string;
    password: string;
    role: Member["role"];
  }) => Promise<Member>;
  /** Makes a member's account without an invite: the owner's own act. Throws as `register` does. */
  createAccount(request: { name: string; password: string }): Promise<Member>;
  find(name: string): Member | undefined;
  get(id: number): Member | undefined;
  list(): Member[];
  /**
   * One KDF call for known, unknown and empty names alike. Undefined: wrong, unknown, or deactivated. `turn` says who
   * asks, so that nobody can crowd others out of the queue.
   */
  verifyPassword(name: string, password: string, turn?: KdfTurn): Promise<Member | undefined>;
  /** Ends the sessions in the same transaction, and gives the number of devices and browsers that ended. Throws password-weak. */
  changePassword(memberId: number, password: string, sessions: SessionsKept): Promise<number>;
  suspend(memberId: number): Promise<void>;
  unsuspend(memberId: number): Promise<void>;
  /** Nothing ends: the sessions are refused until the account is unlocked. */
  lock(memberId: number): Promise<void>;
  unlock(memberId: number): Promise<void>;
  /** Ends every session; the name is never given out again. With `erase`, which may also come later, see `erased`. */
  deactivate(memberId: number, options?: { erase?: boolean }): Promise<void>;

  // Sessions
  /** Throws locked, closed. A suspended member may, and the session is as suspended (specification §Account suspension). */
  openSession(memberId: number, request: DeviceRequest): Promise<OpenedSession>;
  /** Looked up at every request, so that a revocation holds on the next one. */
  authenticate(accessToken: string): Authentication;
  /** Notes the device as seen; writes at most once a minute a device. */
  touch(session: Session, address: string): void;
  /**
   * The old pair stays good until the new one is first used (a lost answer costs nothing). Throws refresh-invalid, also
   * where another client asks than the session was opened for, and locked.
   */
  refresh(refreshToken: string, oauthClient?: string): Promise<OpenedSession>;
  /** The session that an access or a refresh token belongs to, also when it has expired. */
  ownerOfToken(token: string): Pick<Session, "memberId" | "deviceId" | "oauthClient"> | undefined;
  /** Ids of the OAuth clients that have a session here. */
  oauthClients(): ReadonlySet<string>;
  devices(memberId: number): Device[];
  /** Of every member who is signed in anywhere, by id. */
  presences(): ReadonlyMap<number, { readonly devices: number; readonly lastSeenAt: number | null }>;
  renameDevice(memberId: number, deviceId: string, displayName: string | null): Promise<boolean>;
  endSession(memberId: number, deviceId: string): Promise<boolean>;
  /** Ends all of a member's sessions but one. Returns how many ended. */
  endSessions(memberId: number, exceptDeviceId?: string): Promise<number>;

  /**
   * Ends whatever lets anybody in without a password, at once and for every member: sessions, keys, invites,
   * set-up links and tickets. Passwords and second factors stay. Returns how many of each ended.
   */
  revokeAll(): Promise<Revoked>;

  // Browsers (G3)
  readonly webSessions: WebSessions;

  // Second factors (G10), and the keys of programs (G5)
  readonly passkeys: SecondFactors["passkeys"];
  readonly totp: SecondFactors["totp"];
  readonly recoveryCodes: SecondFactors["recoveryCodes"];
  /** What a member has beside the password, and whether one of them is asked for. */
  secondFactors(memberId: number): FactorsHeld;
  /** Back to the password alone; tells what there was. Sessions and keys stay. Throws not-allowed, unknown-member. */
  resetFactors(authority: Authority, memberId: number): Promise<FactorsHeld>;
  readonly keys: Omit<Keys, "revokeInside">;

  // What a member approves for a client of theirs
  approve(memberId: number, act: ApprovedAct, forMs: number): Promise<void>;
  approved(memberId: number, act: ApprovedAct): boolean;
  endApproval(memberId: number, act: ApprovedAct): Promise<void>;

  // For the command line, beside a running daemon
  /** A token that stands for the owner at the daemon's own API, to whoever can write in the data folder; good for an hour. */
  createTicket(): Promise<string>;
  ticketValid(ticket: string): boolean;
  endTicket(ticket: string): Promise<void>;

  // What others follow
  changesSince(seq: number, limit: number): MemberChange[];
  /** Called after each commit that made changes, also by another process (within a second). Returns the undo. */
  onChange(listener: () => void): () => void;
}
