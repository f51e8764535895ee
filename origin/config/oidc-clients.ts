import { SettingError } from "./setting-error.ts";

/** An app that lets its people sign in here by OpenID Connect: one `[[oidc_client]]` of burrow.toml. */
export interface OidcClient {
  readonly id: string;
  /** As people see it when they sign in. */
  readonly name: string;
  /** Compared character by character. */
  readonly redirectUris: readonly string[];
  /** `none`: it can keep no secret, and proves itself by PKCE alone. */
  readonly authMethod: "client_secret_basic" | "client_secret_post" | "none";
  /** By which key what it is told is signed. */
  readonly signedBy: "RS256" | "ES256";
  /** Who may sign in to it. */
  readonly who: "members" | "owner" | readonly string[];
  /** Names of groups, and who is in each, for the claim `groups`. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

const keys = [
  "id",
  "name",
  "redirect_uris",
  "token_endpoint_auth_method",
  "id_token_signed_response_alg",
  "who",
  "groups",
];
const authMethods = ["client_secret_basic", "client_secret_post", "none"] as const;
const memberName = /^[a-z0-9._=/+-]{1,255}$/;
/** The groups that everybody gets by what they are. */
const ownGroups = new Set(["members", "owner"]);

/** Reads the array of tables; the message names the client. */
export function readOidcClients(value: unknown): readonly OidcClient[] {
  if (!Array.isArray(value)) throw new SettingError("must be tables, each under the line [[oidc_client]]");
  const clients = value.map((table: unknown, index) => readClient(table, index + 1));
  const twice = clients.find(({ id }, index) => clients.findIndex((other) => other.id === id) !== index);
  if (twice) throw new SettingError(`has the id "${twice.id}" twice`);
  return Object.freeze(clients);
}

function readClient(value: unknown, position: number): OidcClient {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SettingError("must be tables, each under the line [[oidc_client]]");
  }
  const table = value as Record<string, unknown>;
  const { id, name = id, redirect_uris: uris, who = "members", groups = {} } = table;
  const place = typeof id === "string" ? `"${id}"` : `number ${position}`;
  const refuse = (what: string): SettingError => new SettingError(`${place}: ${what}`);

  const unknown = Object.keys(table).find((key) => !keys.includes(key));
  if (unknown !== undefined) throw refuse(`the key ${unknown} is not known; there are ${keys.join(", ")}`);
  // It names the file of its secret.
  if (typeof id !== "string" || !/^[a-z0-9][a-z0-9-]{0,39}$/.test(id)) {
    throw refuse("id must be 1 to 40 small letters, digits and dashes");
  }
  if (typeof name !== "string" || name === "" || name.length > 100) {
    throw refuse("name must be a text of 1 to 100 characters");
  }
  const { token_endpoint_auth_method: method = authMethods[0] } = table;
  const authMethod = authMethods.find((known) => known === method);
  if (authMethod === undefined) {
    throw refuse(`token_endpoint_auth_method must be one of ${authMethods.join(", ")}`);
  }
  const { id_token_signed_response_alg: signedBy = "RS256" } = table;
  if (signedBy !== "RS256" && signedBy !== "ES256") {
    throw refuse("id_token_signed_response_alg must be RS256 or ES256");
  }
  if (!isTexts(uris) || uris.length === 0) {
    throw refuse('redirect_uris must be an array of URLs, such as ["https://photos.example.org/callback"]');
  }
  for (const uri of uris) checkRedirectUri(uri, refuse);
  return Object.freeze({
    id,
    name,
    redirectUris: Object.freeze([...uris]),
    authMethod,
    signedBy,
    who: readWho(who, refuse),
    groups: readGroups(groups, refuse),
  });
}

type Refuse = (what: string) => SettingError;

function checkRedirectUri(text: string, refuse: Refuse): void {
  const url = URL.parse(text);
  if (!url || text.includes("#") || url.username !== "" || url.password !== "") {
    throw refuse(`redirect_uris: ${text} must be a URL without a fragment, a user or a password`);
  }
  const isLocal =
    ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname) || url.hostname.endsWith(".localhost");
  if (url.protocol === "http:" && !isLocal) {
    throw refuse(`redirect_uris: ${text} must be https: whoever listens would get the code`);
  }
  if (/^(?:javascript|data|vbscript|blob|file|about):$/.test(url.protocol)) {
    throw refuse(`redirect_uris: ${text} leads to no app`);
  }
}

function readWho(value: unknown, refuse: Refuse): OidcClient["who"] {
  if (value === "members" || value === "owner") return value;
  return readNames(value, () => refuse('who must be "members", "owner", or names such as ["ada", "ben"]'));
}

function readGroups(value: unknown, refuse: Refuse): OidcClient["groups"] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refuse('groups must be a table, such as { editors = ["ben"] }');
  }
  const groups = Object.entries(value as Record<string, unknown>).map(([group, names]) => {
    if (ownGroups.has(group)) throw refuse(`the group ${group} is given to each by what they are`);
    if (!/^[\w.:-]{1,100}$/.test(group)) throw refuse(`the group "${group}" must be one word`);
    return [
      group,
      readNames(names, () => refuse(`the group ${group} must be names such as ["ben"]`)),
    ] as const;
  });
  return Object.freeze(Object.fromEntries(groups));
}

function readNames(value: unknown, refusal: () => SettingError): readonly string[] {
  if (!isTexts(value) || !value.every((name) => memberName.test(name))) throw refusal();
  return Object.freeze([...value]);
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === "string");
