import type { Member } from "../members.ts";

/** A browser that is signed in at one host: what a cookie stands for. */
export interface WebSession {
  /** Not a secret: by it a session is listed and ended. */
  readonly id: number;
  /** The session of the sign-in host that this one was handed over from; null: it is such a one itself. */
  readonly parentId: number | null;
  /** As the member is now, at each look-up. */
  readonly member: Member;
  /** Unix ms: when the member last gave the password, or a passkey, in this browser. */
  readonly authenticatedAt: number;
  /** Unix ms; by it `touch` knows whether there is anything to write. */
  readonly lastSeenAt: number;
}

export interface OpenedWebSession {
  readonly id: number;
  /** The cookie's value: 256 bits, kept here as a hash only. */
  readonly token: string;
  /** So long it lives at the most, in ms. */
  readonly lifetimeMs: number;
}

/** A signed-in browser as its member sees it in a list. */
export interface ListedWebSession {
  readonly id: number;
  /** What the member calls it; null: nothing yet. */
  readonly name: string | null;
  /** `Firefox on Android`, as far as the browser told. */
  readonly browser: string;
  /** The network it was last seen from: `203.0.113.0/24`, `2001:db8:7::/48`. */
  readonly network: string;
  /** Unix ms, as `lastSeenAt`. */
  readonly createdAt: number;
  readonly lastSeenAt: number;
  /** The app hosts that it was handed over to. */
  readonly hosts: readonly string[];
}

/** Where a session is opened, and by what. */
export interface BrowserFacts {
  /** The host that the cookie is for; on another one it is worth nothing. */
  readonly host: string;
  /** The `User-Agent` field, as it came. */
  readonly userAgent: string;
  readonly address: string;
}

/**
 * Web sessions (G3): opaque tokens, a row each, looked up at every request. An app host's session is a child of the
 * sign-in host's: it lives as long as that one at the most, and ends with it.
 */
export interface WebSessions {
  /** On the sign-in host, after a full sign-in. Beyond 100 of one member the one unseen for longest ends. Throws locked, closed, unknown-member. */
  open(memberId: number, browser: BrowserFacts): Promise<OpenedWebSession>;
  /** On an app host; an earlier one of the same browser on that host ends. Undefined: the parent is not good any more. */
  openChild(parentId: number, browser: BrowserFacts): Promise<OpenedWebSession | undefined>;
  /**
   * The session of a cookie. Undefined: unknown, ended, expired, of another host, of before the last "sign out
   * everywhere"; or the member is locked or deactivated. Whoever is suspended is told by `member.state`.
   */
  find(token: string, host: string): WebSession | undefined;
  /** Whether a session of this id is good, without its cookie: what hangs on it asks at each use. */
  lives(id: number): boolean;
  /** The member's `session_epoch`: it counts up at each "sign out everywhere". Undefined: no such member. */
  epochOf(memberId: number): number | undefined;
  /** Notes the browser as seen; writes at most every five minutes, and nobody waits for it. */
  touch(session: WebSession, address: string): void;
  /** The browsers that are signed in, without their sessions at app hosts; the one seen last comes first. */
  list(memberId: number): ListedWebSession[];
  /** An empty name is none. False: there is no such session. Throws label-invalid. */
  rename(memberId: number, id: number, name: string): Promise<boolean>;
  /** Notes that the member has given the password again in this browser. */
  confirm(memberId: number, id: number): Promise<void>;
  /** With its children, as in all of these. False: there is no such session of this member. */
  end(memberId: number, id: number): Promise<boolean>;
  /** How many browsers were signed out. */
  endOthers(memberId: number, exceptId: number): Promise<number>;
  /** Signs out everywhere: what is bound to the member's `session_epoch` ends too. How many browsers were signed out. */
  endAll(memberId: number): Promise<number>;
}
