import { canonicalisePath } from "./canonical-path.ts";

/** What Access is asked for below one path of one host. */
export interface AccessPolicy {
  /** Public host, lower case, without a port. */
  host: string;
  /** Canonical prefix, matched by whole segments: `/` for the host, `/_burrow/admin` for it and all below it. */
  path: string;
  /** Audience tags of the Access applications that are believed here; none where the path is left open. */
  aud: readonly string[];
  /** Service tokens that may enter, by the client id that Access puts into `common_name`. */
  serviceTokens: readonly string[];
}

/** What one deployment asks of Access: the content of the Worker's variable ACCESS. */
export interface AccessRules {
  /** `name.cloudflareaccess.com`: who signs. */
  team: string;
  /** Where the keys are had instead of at the team, in development and tests: loopback only. */
  certsUrl?: string;
  policies: readonly AccessPolicy[];
}

/** Rules that cannot be read. */
export class AccessRulesError extends Error {
  override readonly name = "AccessRulesError";
}

export const TEAM_DOMAIN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.cloudflareaccess\.com$/;
const AUDIENCE = /^[0-9a-zA-Z_-]{8,128}$/;
const COMMON_NAME = /^[\x21-\x7e]{1,200}$/;

/** Whether a text can be an audience tag; Cloudflare's are 64 hexadecimal digits. */
export function isAudience(text: string): boolean {
  return AUDIENCE.test(text);
}

/** Whether a text can be a service token's client id, such as `88bf3b6d86161464f6509f7219099e57.access`. */
export function isCommonName(text: string): boolean {
  return COMMON_NAME.test(text);
}

/** Whether a text is a path in the form that policies are written in: canonical, no empty segment, no slash at its end. */
export function isPolicyPath(text: string): boolean {
  const canonical = canonicalisePath(text);
  if (typeof canonical === "string" || canonical.path !== text || canonical.soundPrefix !== text)
    return false;
  return text === "/" || (/^(?:\/[^/?#;\s]+)+$/.test(text) && !/%2f/i.test(text));
}

/**
 * The policy that a request falls under: the longest path that covers it. Undefined where Access is not asked for.
 *
 * A protected path is matched as loosely as some reader behind us might read it (letter case, doubled slashes, `%2F`,
 * `;parameters`); one that is left open, only as it is written. So an odd spelling can lead into a policy, never out.
 *
 * @param path Raw, without its query.
 */
export function findPolicy(
  policies: readonly AccessPolicy[],
  host: string,
  path: string,
): AccessPolicy | undefined {
  const own = policies.filter((policy) => policy.host === host);
  if (own.length === 0) return undefined;
  const readings = readPath(path);
  let found: AccessPolicy | undefined;
  for (const policy of own) {
    const covers =
      policy.aud.length === 0 ? isPlainlyBelow(readings, policy.path) : isLooselyBelow(readings, policy.path);
    // At the same length the later one wins: the owner's own come last.
    if (covers && (found === undefined || policy.path.length >= found.path.length)) found = policy;
  }
  return found === undefined || found.aud.length === 0 ? undefined : found;
}

interface PathReadings {
  /** Canonical; undefined where another reader may see another path. */
  plain: string | undefined;
  /** Folded, each way that it may be read; undefined where it may be read as any path. */
  loose: readonly string[] | undefined;
}

function readPath(raw: string): PathReadings {
  const canonical = canonicalisePath(raw);
  if (typeof canonical === "string") return { plain: undefined, loose: undefined };
  const { path, soundPrefix } = canonical;
  const loose = [path, soundPrefix].map(fold);
  const climbs = loose.some((text) => text.split("/").some((segment) => segment === "." || segment === ".."));
  const isPlain = path === soundPrefix && !/\/\/|%2f|;/i.test(path);
  return { plain: isPlain ? path : undefined, loose: climbs ? undefined : loose };
}

function fold(path: string): string {
  return path
    .replace(/%2f/gi, "/")
    .replace(/(?:;|%3b)[^/]*/gi, "")
    .replace(/\/{2,}/g, "/")
    .toLowerCase();
}

function isPlainlyBelow({ plain }: PathReadings, prefix: string): boolean {
  return plain !== undefined && isBelow(plain, prefix);
}

function isLooselyBelow({ loose }: PathReadings, prefix: string): boolean {
  return loose === undefined || loose.some((path) => isBelow(path, prefix.toLowerCase()));
}

function isBelow(path: string, prefix: string): boolean {
  return prefix === "/" || path === prefix || path.startsWith(`${prefix}/`);
}

/** The text that `parseAccessRules` reads. */
export function formatAccessRules({ team, certsUrl, policies }: AccessRules): string {
  return JSON.stringify({ team, ...(certsUrl !== undefined && { certsUrl }), policies });
}

/**
 * Reads what `formatAccessRules` wrote.
 *
 * @throws AccessRulesError for anything else: a rule that cannot be read would be a door left open.
 */
export function parseAccessRules(text: string): AccessRules {
  const value = parseJson(text) as Partial<Record<keyof AccessRules, unknown>> | null | undefined;
  const { team, certsUrl, policies } = value ?? {};
  if (typeof team !== "string" || !TEAM_DOMAIN.test(team) || !Array.isArray(policies))
    throw new AccessRulesError("ACCESS cannot be read: run burrow edge config and deploy again");
  if (certsUrl !== undefined && !isLoopbackUrl(certsUrl))
    throw new AccessRulesError("ACCESS: certsUrl is for development, and may name a loopback address only");
  return {
    team,
    ...(certsUrl !== undefined && { certsUrl }),
    policies: policies.map(readPolicy),
  };
}

function readPolicy(value: unknown): AccessPolicy {
  const { host, path, aud, serviceTokens } = (value ?? {}) as Partial<Record<keyof AccessPolicy, unknown>>;
  const isWhole =
    typeof host === "string" &&
    typeof path === "string" &&
    isPolicyPath(path) &&
    isListOf(aud, isAudience) &&
    isListOf(serviceTokens, isCommonName);
  if (!isWhole) throw new AccessRulesError("ACCESS: a policy cannot be read: run burrow edge config again");
  return { host, path, aud, serviceTokens };
}

function isListOf(value: unknown, is: (text: string) => boolean): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string" && is(item));
}

/** Keys in clear text come from a process of this machine only; at Cloudflare nothing answers there. */
export function isLoopbackUrl(text: unknown): text is string {
  const url = typeof text === "string" ? URL.parse(text) : null;
  return url?.protocol === "http:" && (url.hostname === "127.0.0.1" || url.hostname === "localhost");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
