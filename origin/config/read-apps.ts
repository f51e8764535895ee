import { isAbsolute, join } from "node:path";
import { canonicalisePath } from "../../shared/canonical-path.ts";
import type { ListenAddress, Mode } from "./config.ts";
import { appHosts, devHosts } from "./hosts.ts";
import { nearest } from "./nearest.ts";
import type { Entrance, IdentityHeaders, ProxiedApp } from "./proxied-app.ts";
import { isLoopback, readBoolean, readHostName, readText, SettingError } from "./settings.ts";
import { isFieldName, isTransportField } from "../../shared/field-names.ts";

/** What the entries are judged by. */
export interface Surroundings {
  readonly serverName: string;
  readonly mode: Mode;
  readonly dataDir: string;
  /** On Android every app may open a loopback port. */
  readonly android: boolean;
}

const keys = [
  "name",
  "host",
  "upstream",
  "who",
  "groups",
  "access",
  "open_paths",
  "app_passwords",
  "identity",
  "headers",
  "secret_file",
  "secret_header",
];
const headerKeys = ["user", "groups", "name", "email"] as const;

/** The least that the others read by: the field, and whether it is there. */
type Entry = Readonly<Record<string, unknown>>;

/** The `[[app]]` entries of burrow.toml, and what is wrong with them, one sentence each. */
export function readApps(
  value: unknown,
  surroundings: Surroundings,
): { apps: readonly ProxiedApp[]; problems: string[] } {
  if (value === undefined) return { apps: [], problems: [] };
  if (!Array.isArray(value) || !value.every((entry) => isTable(entry))) {
    return { apps: [], problems: ["app must be written as [[app]], once for each app."] };
  }
  const apps: ProxiedApp[] = [];
  const problems: string[] = [];
  for (const [index, entry] of value.entries()) {
    const name = typeof entry["name"] === "string" ? `"${entry["name"]}"` : `number ${index + 1}`;
    const report = (problem: string): void => void problems.push(`[[app]] ${name}: ${problem}.`);
    const app = readApp(entry, surroundings, report);
    if (!app) continue;
    const clash = clashOf(app, apps, surroundings);
    if (clash !== undefined) report(clash);
    else apps.push(Object.freeze(app));
  }
  return { apps: Object.freeze(apps), problems };
}

function readApp(
  entry: Entry,
  surroundings: Surroundings,
  report: (problem: string) => void,
): ProxiedApp | undefined {
  let sound = true;
  const complain = (problem: string): void => {
    sound = false;
    report(problem);
  };
  /** Reads one field; undefined where it cannot be used, after saying why. */
  function field<T>(key: string, read: (value: unknown) => T, fallback?: T): T | undefined {
    const value = entry[key];
    if (value === undefined) {
      if (fallback === undefined) complain(`${key} is missing`);
      return fallback;
    }
    try {
      return read(value);
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      complain(`${key} ${error.message}`);
      return undefined;
    }
  }

  for (const key of Object.keys(entry)) {
    if (keys.includes(key)) continue;
    const meant = nearest(key, keys);
    complain(`the key ${key} is not known${meant === undefined ? "" : `; is ${meant} meant?`}`);
  }
  const name = field("name", readName);
  const app = {
    name: name ?? "",
    host: field("host", readHostName, `${name}.${surroundings.serverName}`) ?? "",
    upstream: field("upstream", readUpstream),
    who: field("who", readEntrance, "members" as const),
    access: field("access", readBoolean, false) ?? false,
    openPaths: field("open_paths", readPaths, []) ?? [],
    appPasswords: field("app_passwords", readBoolean, false) ?? false,
    identity: field("identity", readBoolean, true) ? readIdentity(entry, complain) : undefined,
    secret: readSecret(entry, surroundings.dataDir, complain),
  };
  const { upstream, who } = app;
  if (!sound || upstream === undefined || who === undefined) return undefined;
  if (who === "everyone" && app.openPaths.length > 0)
    complain('open_paths has no use where who is "everyone": every path is open');
  // G9: on a phone any other app may open the port and say that it is the owner.
  if (app.identity && upstream.kind === "tcp" && !app.secret && surroundings.android)
    complain(
      "on Android every app can reach a loopback port and claim to be anybody; let it listen on a socket " +
        '(upstream = "unix:/path"), set secret_file and have it check that header, or set identity = false',
    );
  return sound ? { ...app, upstream, who } : undefined;
}

function clashOf(
  app: ProxiedApp,
  others: readonly ProxiedApp[],
  { serverName, mode }: Surroundings,
): string | undefined {
  if (others.some((other) => other.name === app.name)) return "there is another app of this name";
  const own = [serverName, ...appHosts.map((name) => `${name}.${serverName}`), ...devHosts(mode)];
  if (own.includes(app.host)) return `the host ${app.host} is Burrow's own; choose another`;
  const holder = others.find((other) => other.host === app.host);
  return holder && `the host ${app.host} is that of the app "${holder.name}" already`;
}

function isTable(value: unknown): value is Entry {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** It becomes a label of a host name, and `app-NAME` in the host table. */
function readName(value: unknown): string {
  const name = readText(value);
  if (!/^[a-z](?:[a-z0-9-]{0,26}[a-z0-9])?$/.test(name))
    throw new SettingError(
      'must be a word of small letters, digits and dashes, at most 28 characters, such as "calendar"',
    );
  return name;
}

function readUpstream(value: unknown): ListenAddress {
  const text = readText(value);
  if (text.startsWith("unix:")) {
    const path = text.slice(5);
    if (!isAbsolute(path) || path.includes("\0") || Buffer.byteLength(path) > 107)
      throw new SettingError(
        'must name the socket by its whole path, at most 107 bytes, such as "unix:/run/app/app.sock"',
      );
    return Object.freeze({ kind: "unix", path });
  }
  const url = URL.parse(text);
  const host = url?.hostname.replace(/^\[|\]$/g, "") ?? "";
  const plain = url !== null && url.protocol === "http:" && url.username === "" && url.password === "";
  if (!plain || url.pathname !== "/" || url.search !== "" || url.hash !== "" || text.endsWith("#"))
    throw new SettingError(
      'must be "http://127.0.0.1:PORT", "http://[::1]:PORT" or "unix:/path", without a path behind it',
    );
  if (!isLoopback(host))
    throw new SettingError(
      `must be on this device: ${url.hostname} is no loopback address. Write "http://127.0.0.1:${url.port || "PORT"}"`,
    );
  if (url.port === "" || url.port === "0")
    throw new SettingError('must say the port, such as "http://127.0.0.1:8080"');
  return Object.freeze({ kind: "tcp", host, port: Number(url.port) });
}

const memberName = /^[a-z0-9][a-z0-9._=/+-]{0,99}$/;

function readEntrance(value: unknown): Entrance {
  if (value === "members" || value === "owner" || value === "everyone") return value;
  return readNames(value, '"members", "owner", "everyone" (nobody signs in) or a list of names');
}

function readNames(value: unknown, choices: string): readonly string[] {
  if (Array.isArray(value) && value.length > 0 && value.every((name) => memberName.test(String(name))))
    return Object.freeze(value as string[]);
  throw new SettingError(`must be ${choices}, such as ["ada", "ben"]`);
}

function readPaths(value: unknown): readonly string[] {
  const isPath = (path: unknown): boolean => {
    if (typeof path !== "string" || !path.startsWith("/") || /[?#\s]/.test(path)) return false;
    const canonical = canonicalisePath(path);
    return typeof canonical === "object" && canonical.path === path && canonical.soundPrefix === path;
  };
  if (!Array.isArray(value) || !value.every((path) => isPath(path)))
    throw new SettingError('must be a list of plain paths, such as ["/public", "/.well-known/caldav"]');
  if (value.includes("/"))
    throw new SettingError('must not hold "/", which opens everything: write who = "everyone" for that');
  return Object.freeze(value as string[]);
}

const usualHeaders: Readonly<Record<(typeof headerKeys)[number], readonly string[]>> = {
  user: ["Remote-User", "X-Auth-User"],
  groups: ["Remote-Groups"],
  name: ["Remote-Name"],
  email: ["Remote-Email"],
};

function readIdentity(entry: Entry, complain: (problem: string) => void): IdentityHeaders {
  const { headers = {}, groups = { owner: "owner", members: "members" } } = entry;
  const names = { ...usualHeaders };
  for (const [key, value] of readTable("headers", headers, complain)) {
    const known = headerKeys.find((header) => header === key);
    if (known) names[known] = readHeaderNames(`headers.${key}`, value, complain);
    else complain(`headers may hold ${headerKeys.join(", ")}, and ${key} is none of them`);
  }
  const members = new Map<string, Exclude<Entrance, "everyone">>();
  for (const [group, who] of readTable("groups", groups, complain)) {
    // They are sent as one field, with a comma between them.
    if (!/^[\w.@-]{1,64}$/.test(group)) complain(`groups: "${group}" must be one word`);
    try {
      const choices = '"members", "owner" or a list of names';
      members.set(group, who === "members" || who === "owner" ? who : readNames(who, choices));
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      complain(`groups.${group} ${error.message}`);
    }
  }
  return Object.freeze({ ...names, members });
}

function readTable(
  key: string,
  value: unknown,
  complain: (problem: string) => void,
): [name: string, value: unknown][] {
  if (isTable(value)) return Object.entries(value);
  complain(`${key} must be a table`);
  return [];
}

/** One name, a list of them, or an empty text for none. */
function readHeaderNames(
  key: string,
  value: unknown,
  complain: (problem: string) => void,
): readonly string[] {
  const names = value === "" ? [] : Array.isArray(value) ? (value as unknown[]) : [value];
  for (const name of names) {
    const problem = headerProblem(name);
    if (problem !== undefined) complain(`${key} ${problem}`);
  }
  return Object.freeze(names as string[]);
}

/** A name that clients need for themselves would be taken from every request to every host. */
function headerProblem(name: unknown): string | undefined {
  if (typeof name !== "string" || !isFieldName(name))
    return 'must be the name of a header, such as "Remote-User"';
  return isTransportField(name) ? `cannot be ${name}: clients need that header for themselves` : undefined;
}

function readSecret(
  entry: Entry,
  dataDir: string,
  complain: (problem: string) => void,
): ProxiedApp["secret"] {
  const { secret_file: file, secret_header: header = "Burrow-App-Secret" } = entry;
  if (file === undefined) {
    if (entry["secret_header"] !== undefined) complain("secret_header needs secret_file beside it");
    return undefined;
  }
  const problem = headerProblem(header);
  if (problem !== undefined) complain(`secret_header ${problem}`);
  if (typeof file !== "string" || file === "" || file.includes("\0")) {
    complain('secret_file must name a file, such as "secrets/calendar"');
    return undefined;
  }
  return Object.freeze({ header: String(header), file: isAbsolute(file) ? file : join(dataDir, file) });
}
