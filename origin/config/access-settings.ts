import {
  isAudience,
  isCommonName,
  isLoopbackUrl,
  isPolicyPath,
  TEAM_DOMAIN,
  type AccessPolicy,
} from "../../shared/access-policy.ts";
import type { AccessConfig, Mode } from "./config.ts";
import type { ProxiedApp } from "./proxied-app.ts";
import { readTables, readWords } from "./read-lists.ts";
import { SettingError } from "./setting-error.ts";

/** What only the owner's own tools ask for; behind Access unless told otherwise, once a team is configured. */
const OWNERS_PATHS: readonly string[] = ["/_burrow/admin", "/_burrow/metrics", "/_burrow/samples"];

/**
 * By app host, what is asked for by programs that cannot follow a redirect to a sign-in page (Matrix clients, and what
 * speaks OAuth 2.0): a policy for the whole host leaves it to access tokens and the throttle. A policy for such a path
 * itself, or for one below it, holds all the same.
 */
const LEFT_TO_TOKENS: Readonly<Record<string, readonly string[]>> = {
  apex: ["/_matrix", "/.well-known"],
  id: [
    "/.well-known",
    ...["token", "keys", "register", "revoke", "userinfo", "device-authorization"].map(
      (name) => `/oidc/${name}`,
    ),
  ],
};

export function readTeam(value: unknown): string {
  if (value === "") return "";
  if (typeof value === "string" && TEAM_DOMAIN.test(value)) return value;
  throw new SettingError('must be the team\'s domain, such as "example.cloudflareaccess.com"');
}

export function readAudiences(value: unknown): readonly string[] {
  const tags = readWords(value);
  if (tags.every(isAudience)) return tags;
  throw new SettingError("must be audience tags, as the Access application's page shows them");
}

export function readServiceTokens(value: unknown): readonly string[] {
  const names = readWords(value);
  if (names.every(isCommonName)) return names;
  throw new SettingError(
    "must be client ids of service tokens, which end with .access; the client secret has no place here",
  );
}

export function readCertsUrl(value: unknown): string {
  if (value === "" || isLoopbackUrl(value)) return value;
  throw new SettingError("is for development, and must be an http URL of this machine");
}

/** Each `{ host?, path?, aud, service_tokens? }` or `{ host?, path, open = true }`. An empty host is the server's name. */
export function readAccessPolicies(value: unknown): readonly AccessPolicy[] {
  const tables = readTables(value, "access.policy", ["host", "path", "aud", "service_tokens", "open"]);
  return tables.map((table, index) => {
    const { host = "", path = "/", aud = [], service_tokens: tokens = [], open = false } = table;
    const which = `policy ${index + 1}`;
    if (typeof host !== "string" || host !== host.toLowerCase())
      throw new SettingError(`has a host in ${which} that is no host name in lower case`);
    if (typeof path !== "string" || !isPolicyPath(path))
      throw new SettingError(
        `has a path in ${which} that is none: write it plainly, such as "/files", without a slash at its end`,
      );
    if (typeof open !== "boolean")
      throw new SettingError(`has an open in ${which} that is not true or false`);
    const audiences = within(which, () => readAudiences(aud));
    if (open === audiences.length > 0)
      throw new SettingError(
        `needs in ${which} either aud, the audience tags of its Access applications, or open = true`,
      );
    return { host, path, aud: audiences, serviceTokens: within(which, () => readServiceTokens(tokens)) };
  });
}

/** Each `{ email, member }`: who signs in as whom by Access alone. */
export interface EmailOfMember {
  /** Lower case. */
  readonly email: string;
  readonly member: string;
}

export function readEmailMap(value: unknown): readonly EmailOfMember[] {
  const rows = readTables(value, "access.map_email", ["email", "member"]).map(({ email, member }, index) => {
    if (
      typeof email !== "string" ||
      !/^[^\s@]+@[^\s@]+$/.test(email) ||
      typeof member !== "string" ||
      member === ""
    )
      throw new SettingError(`needs in table ${index + 1} an email and the name of a member`);
    return { email: email.toLowerCase(), member };
  });
  const doubled = rows.find(({ email }, index) => rows.findIndex((row) => row.email === email) < index);
  if (doubled !== undefined) throw new SettingError(`names ${doubled.email} twice`);
  return rows;
}

export interface AccessValues {
  readonly "access.team": string;
  readonly "access.admin": boolean;
  readonly "access.admin_aud": readonly string[];
  readonly "access.admin_service_tokens": readonly string[];
  readonly "access.policy": readonly AccessPolicy[];
  readonly "access.map_email": readonly EmailOfMember[];
  readonly "access.certs_url": string;
}

/**
 * The whole of `[access]`; undefined where no team is configured.
 *
 * @throws SettingError for settings that do not go together: what is half configured would be a door left open.
 */
export function accessOf(
  values: AccessValues,
  server: {
    mode: Mode;
    serverName: string;
    hosts: ReadonlyMap<string, string>;
    apps: readonly Pick<ProxiedApp, "name" | "host" | "access">[];
  },
): AccessConfig | undefined {
  const team = values["access.team"];
  const written = values["access.policy"];
  const bare = server.apps.find(
    ({ host, access }) =>
      access &&
      !written.some((policy) => policy.host === host && policy.path === "/" && policy.aud.length > 0),
  );
  if (bare !== undefined)
    throw new SettingError(
      `the app ${bare.name} is to be behind Access: add an [[access.policy]] with host = "${bare.host}" and the aud of its Access application`,
    );
  if (team === "") {
    if (written.length > 0 || values["access.admin_aud"].length > 0 || values["access.map_email"].length > 0)
      throw new SettingError("access.team is not set, so nobody could be let in by the rest of [access]");
    return undefined;
  }
  const certsUrl = values["access.certs_url"];
  if (certsUrl !== "" && server.mode === "production")
    throw new SettingError("access.certs_url is for development and tests; remove it");
  const policies = written.map((policy) => ({ ...policy, host: policy.host || server.serverName }));
  const strange = policies.find(({ host }) => !server.hosts.has(host));
  if (strange !== undefined)
    throw new SettingError(`access.policy names ${strange.host}, which is no host of this server`);
  const doubled = policies.find(
    (one, index) => policies.findIndex(({ host, path }) => host === one.host && path === one.path) < index,
  );
  if (doubled !== undefined) throw new SettingError(`access.policy has ${doubled.host}${doubled.path} twice`);
  const open = [...server.hosts].flatMap(([host, app]) =>
    (LEFT_TO_TOKENS[app] ?? []).map((path) => ({ host, path, aud: [], serviceTokens: [] })),
  );
  const owners = ownersPolicies(values, server);
  return Object.freeze({
    team,
    certsUrl: certsUrl === "" ? undefined : certsUrl,
    // The owner's own policies come last: at the same path they win.
    policies: Object.freeze([...open, ...owners, ...policies]),
    mapEmail: new Map(values["access.map_email"].map(({ email, member }) => [email, member])),
  });
}

function ownersPolicies(
  values: AccessValues,
  { hosts }: { hosts: ReadonlyMap<string, string> },
): AccessPolicy[] {
  if (!values["access.admin"]) return [];
  const aud = values["access.admin_aud"];
  if (aud.length === 0)
    throw new SettingError(
      "access.admin_aud is not set: give the audience tag of the Access application before the owner's API, or set access.admin = false to leave that API to the owner's tokens",
    );
  const serviceTokens = values["access.admin_service_tokens"];
  const apex = [...hosts].filter(([, app]) => app === "apex").map(([host]) => host);
  return apex.flatMap((host) => OWNERS_PATHS.map((path) => ({ host, path, aud, serviceTokens })));
}

function within<T>(which: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof SettingError) throw new SettingError(`in ${which}: ${error.message}`);
    throw error;
  }
}
