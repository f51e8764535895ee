import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import type { JSONWebKeySet, JWTPayload } from "jose";
import type { AccessPolicy } from "./access-policy.ts";
import type { Complaint } from "./answers.ts";

/** Who Cloudflare Access says is asking: a person by e-mail, or a program by its service token. */
export interface AccessIdentity {
  /** The audience tags that the token was made out to. */
  readonly aud: readonly string[];
  /** Lower case. */
  readonly email?: string;
  /** A service token's client id. */
  readonly commonName?: string;
}

/** Why there is no identity: none was shown, what was shown is not good here, or it cannot be checked just now. */
export type AccessFault = "missing" | "invalid" | "keys-unavailable";

export interface AccessVerifier {
  /**
   * Judges the token that came with a request under a policy.
   *
   * @param at Unix milliseconds, in a clock that agrees with Cloudflare's.
   */
  verify(jwt: string | undefined, policy: AccessPolicy, at: number): Promise<AccessIdentity | AccessFault>;
}

const MINUTE_MS = 60_000;
const REFRESH_AFTER_MS = 60 * MINUTE_MS;
/** Between two fetches, whatever asks for them. */
const FETCH_EVERY_MS = MINUTE_MS;
/** While there are no keys at all, and so nobody gets in. */
const FIRST_FETCH_EVERY_MS = 5_000;
/** Access keeps a key for a week after it was replaced: older ones may have been withdrawn. */
const LAST_GOOD_MS = 7 * 24 * 60 * MINUTE_MS;
/** A fetch takes no longer: whoever waits for another's is told to come back then. */
const FETCH_TAKES_MS = 4_000;
const LOOK_EVERY_MS = 25;

/** How long a token that was found good is not verified again: a browser sends the same one with every request. */
const REMEMBERED_MS = MINUTE_MS;
const REMEMBERED = 512;
const CLOCK_TOLERANCE_S = 30;

interface Token {
  readonly identity: AccessIdentity;
  /** Unix milliseconds, with the tolerance. */
  readonly notBefore: number;
  readonly expiresAt: number;
  readonly rememberedUntil: number;
}

/**
 * The verifier of one team's tokens: RS256 only, by a key of the team's own set, which is kept while it cannot be had
 * anew. `fetchKeys` gives the set as parsed JSON, or rejects; it is called at most once a minute once there are keys.
 */
export function createAccessVerifier(options: {
  team: string;
  fetchKeys: () => Promise<unknown>;
  /** Unix milliseconds, for the age of the keys; the edge's stands still within a request, which does no harm. */
  now: () => number;
}): AccessVerifier {
  const { team, now } = options;
  const keys = createKeyCache(options.fetchKeys, now);
  const remembered = new Map<string, Token>();

  async function read(jwt: string, at: number): Promise<Token | AccessFault> {
    const known = remembered.get(jwt);
    if (known !== undefined && now() < known.rememberedUntil) return known;
    remembered.delete(jwt);
    const kid = kidOf(jwt);
    if (kid === undefined) return "invalid";
    const found = await keys.find(kid);
    if (typeof found === "string") return found;
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(jwt, found, {
        algorithms: ["RS256"],
        issuer: `https://${team}`,
        requiredClaims: ["exp", "iat", "aud"],
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: new Date(at),
      }));
    } catch {
      return "invalid";
    }
    const token = tokenOf(payload, now() + REMEMBERED_MS);
    if (token === undefined) return "invalid";
    // Insertion order is age: the oldest goes.
    if (remembered.size >= REMEMBERED) remembered.delete([...remembered.keys()][0] ?? "");
    remembered.set(jwt, token);
    return token;
  }

  return {
    async verify(jwt, policy, at) {
      if (jwt === undefined) return "missing";
      const token = await read(jwt, at);
      if (typeof token === "string") return token;
      return token.notBefore <= at && at < token.expiresAt && isLetIn(token.identity, policy)
        ? token.identity
        : "invalid";
    },
  };
}

function isLetIn({ aud, commonName }: AccessIdentity, policy: AccessPolicy): boolean {
  if (!policy.aud.some((tag) => aud.includes(tag))) return false;
  return commonName === undefined || policy.serviceTokens.includes(commonName);
}

/** The key's name, where the header is one of ours: a token of another kind must not make keys be fetched. */
function kidOf(jwt: string): string | undefined {
  try {
    const { alg, kid } = decodeProtectedHeader(jwt);
    return alg === "RS256" && typeof kid === "string" && kid !== "" ? kid : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined for a token that names nobody, or is none of an application (`type` is `org` on the team's own cookie). */
function tokenOf(payload: JWTPayload, rememberedUntil: number): Token | undefined {
  const { aud = [], exp, nbf, type } = payload;
  if (type !== "app" || exp === undefined) return undefined;
  const who = identityOf(payload);
  if (who === undefined) return undefined;
  return {
    identity: Object.freeze({ aud: typeof aud === "string" ? [aud] : aud, ...who }),
    notBefore: ((nbf ?? 0) - CLOCK_TOLERANCE_S) * 1000,
    expiresAt: (exp + CLOCK_TOLERANCE_S) * 1000,
    rememberedUntil,
  };
}

/** A service token's tokens have an empty `sub` and no e-mail; whatever names a program is judged as one. */
function identityOf({ email, common_name: commonName }: JWTPayload): Omit<AccessIdentity, "aud"> | undefined {
  if (typeof commonName === "string" && commonName !== "") return { commonName };
  return typeof email === "string" && email !== "" ? { email: email.toLowerCase() } : undefined;
}

type KeySet = ReturnType<typeof createLocalJWKSet>;

/** The team's keys: the last good set, fetched anew once it is an hour old or lacks a key that is asked for. */
function createKeyCache(
  fetchKeys: () => Promise<unknown>,
  now: () => number,
): { find(kid: string): Promise<KeySet | AccessFault> } {
  let known: { set: KeySet; kids: ReadonlySet<string>; fetchedAt: number } | undefined;
  let startedAt = Number.NEGATIVE_INFINITY;
  let ended = true;

  async function refresh(): Promise<void> {
    startedAt = now();
    ended = false;
    try {
      const set = await fetchKeys();
      const kids = kidsOf(set);
      if (kids.size > 0) known = { set: createLocalJWKSet(set as JSONWebKeySet), kids, fetchedAt: now() };
    } catch {
      // The last good set stays.
    } finally {
      ended = true;
    }
  }

  /** By the clock too: a request that its client leaves is ended by workerd in the middle, and its fetch never ends. */
  const isUnderWay = (): boolean => !ended && Math.abs(now() - startedAt) < FETCH_TAKES_MS;

  /** By looking again: workerd does not let one request wait for another's promise. */
  async function untilEnded(): Promise<void> {
    for (let waited = 0; isUnderWay() && waited < FETCH_TAKES_MS; waited += LOOK_EVERY_MS)
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }

  return {
    async find(kid) {
      const age = known === undefined ? 0 : Math.abs(now() - known.fetchedAt);
      if (age > LAST_GOOD_MS) known = undefined;
      const isMissing = !known?.kids.has(kid);
      if (isMissing && isUnderWay()) await untilEnded();
      else if (isMissing || age >= REFRESH_AFTER_MS) {
        const every = known === undefined ? FIRST_FETCH_EVERY_MS : FETCH_EVERY_MS;
        if (Math.abs(now() - startedAt) >= every) await refresh();
      }
      if (known?.kids.has(kid)) return known.set;
      return known === undefined ? "keys-unavailable" : "invalid";
    },
  };
}

function kidsOf(set: unknown): ReadonlySet<string> {
  const keys: unknown = (set as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) return new Set();
  return new Set(
    keys.flatMap((key: { kid?: unknown } | null) => (typeof key?.kid === "string" ? [key.kid] : [])),
  );
}

/** How each side refuses; the same words, so that nobody learns which of them it was. */
export function accessRefusal(fault: AccessFault): Complaint {
  if (fault === "keys-unavailable")
    return {
      status: 503,
      code: "access_unavailable",
      errcode: "M_UNKNOWN",
      title: "Cannot be checked just now",
      message:
        "Who you are at Cloudflare Access cannot be checked at the moment. Try again in a little while.",
      retryAfterMs: 10_000,
    };
  return {
    status: 403,
    code: "access_required",
    errcode: "M_FORBIDDEN",
    title: "Not let in",
    message:
      fault === "missing"
        ? "This address is behind Cloudflare Access: sign in there first, or send a service token."
        : "What Cloudflare Access says of you does not open this address: sign in there again, or ask the owner.",
  };
}
