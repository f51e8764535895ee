import { deviceCodeGrant } from "../../gate/oauth/authorization-server.ts";

/** RFC 7591 §3.2.2. The message goes to the client's developer. */
export class ClientMetadataError extends Error {
  override name = "ClientMetadataError";
  readonly code: "invalid_client_metadata" | "invalid_redirect_uri";
  constructor(code: ClientMetadataError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** What is kept of a client that has registered itself. */
export interface RegisteredMetadata {
  readonly client_uri: string;
  readonly client_name?: string;
  readonly logo_uri?: string;
  readonly tos_uri?: string;
  readonly policy_uri?: string;
  readonly application_type: "web" | "native";
  readonly redirect_uris: readonly string[];
  readonly response_types: readonly "code"[];
  readonly grant_types: readonly string[];
  readonly token_endpoint_auth_method: "none";
}

const longestUri = 512;
const mostRedirects = 10;
const longestName = 100;
const knownGrants = ["authorization_code", "refresh_token", deviceCodeGrant];

/**
 * Checks what a client says of itself by the rules of Matrix (specification §Client registration, §Redirect URI
 * validation), and gives what is kept of it. Values that are not known are left out (MUST ignore); so is a link that
 * may not be shown. `development`: a web client may be on this very machine, without TLS.
 */
export function readClientMetadata(body: unknown, options: { development: boolean }): RegisteredMetadata {
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw odd("send a JSON object");
  const given = body as Record<string, unknown>;
  const clientUri = readClientUri(given["client_uri"], options.development);
  const method = given["token_endpoint_auth_method"] ?? "none";
  if (method !== "none") {
    throw odd("token_endpoint_auth_method must be none: clients that register themselves are public ones");
  }
  const applicationType = given["application_type"] ?? "web";
  if (applicationType !== "web" && applicationType !== "native") {
    throw odd("application_type must be web or native");
  }
  const redirects = readStrings(given["redirect_uris"] ?? [], "redirect_uris");
  if (redirects.length > mostRedirects) throw odd(`redirect_uris may have at most ${mostRedirects} values`);
  for (const uri of redirects) checkRedirectUri(uri, clientUri, applicationType, options.development);
  const asked = readStrings(given["grant_types"] ?? ["authorization_code"], "grant_types");
  const grants = knownGrants.filter((grant) => asked.includes(grant));
  const byCode =
    grants.includes("authorization_code") &&
    readStrings(given["response_types"] ?? ["code"], "response_types").includes("code");
  if (byCode && redirects.length === 0) throw odd("redirect_uris is missing");
  if (!byCode && !grants.includes(deviceCodeGrant)) {
    throw odd("grant_types and response_types leave no way to sign in: use authorization_code with code");
  }
  const name = given["client_name"];
  if (name !== undefined && typeof name !== "string") throw odd("client_name must be a text");
  const shown = name === undefined ? "" : tidyName(name);
  return {
    client_uri: clientUri.href,
    ...(shown !== "" && { client_name: shown }),
    ...links(given, clientUri),
    application_type: applicationType,
    redirect_uris: byCode ? redirects : [],
    response_types: byCode ? ["code"] : [],
    grant_types: byCode ? grants : grants.filter((grant) => grant !== "authorization_code"),
    token_endpoint_auth_method: "none",
  };
}

function readClientUri(value: unknown, development: boolean): URL {
  const url = typeof value === "string" && value.length <= longestUri ? URL.parse(value) : null;
  if (url === null || url.username !== "" || url.password !== "" || !isWeb(url, development)) {
    throw odd("client_uri must be an https URL without a user or password");
  }
  return url;
}

/** Only while developing may a page come without TLS, and from this machine. */
function isWeb(url: URL, development: boolean): boolean {
  if (url.protocol === "https:") return true;
  const isHere = loopback.has(url.hostname) || url.hostname.endsWith(".localhost");
  return development && url.protocol === "http:" && isHere;
}

const loopback = new Set(["localhost", "127.0.0.1", "[::1]"]);

function checkRedirectUri(text: string, clientUri: URL, type: "web" | "native", development: boolean): void {
  const url = text.length <= longestUri ? URL.parse(text) : null;
  if (url === null) throw wrongRedirect(text, "is no URL");
  if (text.includes("#")) throw wrongRedirect(text, "must have no fragment");
  if (url.username !== "" || url.password !== "") throw wrongRedirect(text, "must have no user or password");
  if (url.protocol === "https:" || (type === "web" && isWeb(url, development))) {
    if (!isOn(url, clientUri)) throw wrongRedirect(text, "must be on the host of client_uri or below it");
    return;
  }
  if (type === "web") throw wrongRedirect(text, "must be an https URL");
  if (url.protocol === "http:") {
    if (!loopback.has(url.hostname)) throw wrongRedirect(text, "must be loopback where it is http");
    // The client listens on a port that it finds free, and gives it when it asks (RFC 8252 §7.3).
    if (url.port !== "") throw wrongRedirect(text, "must be registered without a port");
    return;
  }
  checkPrivateScheme(text, url, clientUri);
}

/** RFC 8252 §7.1: only who has the name may use the scheme, and there is no host in such a URI. */
function checkPrivateScheme(text: string, url: URL, clientUri: URL): void {
  const reversed = clientUri.hostname.split(".").toReversed().join(".");
  const scheme = url.protocol.slice(0, -1);
  if (scheme !== reversed && !scheme.startsWith(`${reversed}.`)) {
    throw wrongRedirect(text, `must have a scheme that begins with ${reversed}`);
  }
  if (!/^[a-z0-9.+-]+:\/(?!\/)/i.test(text))
    throw wrongRedirect(text, "must have one slash after its scheme");
}

function isOn(url: URL, base: URL): boolean {
  return url.hostname === base.hostname || url.hostname.endsWith(`.${base.hostname}`);
}

/** What people may be led to, where it is on the client's own host. */
function links(given: Record<string, unknown>, base: URL): Partial<Record<LinkName, string>> {
  const kept: Partial<Record<LinkName, string>> = {};
  for (const name of linkNames) {
    const value = given[name];
    const url = typeof value === "string" && value.length <= longestUri ? URL.parse(value) : null;
    if (url?.protocol === "https:" && url.username === "" && url.password === "" && isOn(url, base)) {
      kept[name] = url.href;
    }
  }
  return kept;
}

const linkNames = ["logo_uri", "tos_uri", "policy_uri"] as const;
type LinkName = (typeof linkNames)[number];

/** One line, without what could turn the text around it. */
function tidyName(name: string): string {
  return name
    .replace(/[\p{C}\p{Z}]+/gu, " ")
    .trim()
    .slice(0, longestName);
}

function readStrings(value: unknown, name: string): string[] {
  if (!Array.isArray(value) || !value.every((each): each is string => typeof each === "string")) {
    throw odd(`${name} must be an array of texts`);
  }
  return [...new Set(value)];
}

const odd = (message: string): ClientMetadataError =>
  new ClientMetadataError("invalid_client_metadata", message);

const wrongRedirect = (uri: string, message: string): ClientMetadataError =>
  new ClientMetadataError("invalid_redirect_uri", `redirect_uris: ${uri.slice(0, 100)} ${message}`);
