import { canonicalisePath } from "./canonical-path.ts";

/** The kind of secret that a route lets its caller try. */
export type GuessKind =
  | "setup-token"
  | "invite-token"
  | "password"
  /** A code of a second factor: six digits, or one of the recovery codes. */
  | "second-factor"
  /** The answer of a passkey: signed, so that nothing is guessed. */
  | "passkey"
  | "refresh-token"
  /** From a signed-in device to another (m.login.token). */
  | "login-token"
  /** From the sign-in host to an app host, in one browser. */
  | "hand-off-code"
  | "app-password"
  | "api-key"
  /** Of an app, and the codes and refresh tokens that it shows beside it (RFC 6749 §3.2). */
  | "client-secret"
  /** What a device shows for its person to type (RFC 8628). */
  | "user-code";

interface GuessRoute {
  methods: readonly string[];
  path: RegExp;
  kind: GuessKind;
  /** Whether a session or an account may come of it: closed while the panic level is `logins`. */
  signsIn?: true;
}

const CLIENT_API = String.raw`^/_matrix/client/(?:r0|v[0-9]+|unstable(?:/[^/]+)?)`;

function post(path: RegExp, kind: GuessKind): GuessRoute {
  return { methods: ["POST"], path, kind };
}

function matrix(path: string, kind: GuessKind, methods: readonly string[] = ["POST"]): GuessRoute {
  return { methods, path: new RegExp(`${CLIENT_API}/${path}$`), kind };
}

function signIn(route: GuessRoute): GuessRoute {
  return { ...route, signsIn: true };
}

/** Every route on which a secret can be guessed. A route that is missing here is not limited: add its row with it. */
const GUESS_ROUTES: readonly GuessRoute[] = [
  signIn(post(/^\/setup(?:\/.*)?$/, "setup-token")),
  signIn(post(/^\/invite(?:\/.*)?$/, "invite-token")),
  signIn(post(/^\/sign-in\/second-step(?:\/.*)?$/, "second-factor")),
  signIn(post(/^\/sign-in\/passkey(?:\/.*)?$/, "passkey")),
  signIn(post(/^\/sign-in(?:\/.*)?$/, "password")),
  post(/^\/(?:password|confirm)$/, "password"),
  post(/^\/confirm\/passkey$/, "passkey"),
  { methods: ["GET", "HEAD"], path: /^\/\.burrow\/arrive$/, kind: "hand-off-code" },
  signIn(matrix("login", "password")),
  signIn(matrix("register", "invite-token")),
  // Answers whether a token is good to whoever asks, so the reading methods guess here too.
  matrix("register/[^/]*login\\.registration_token/validity", "invite-token", ["GET", "HEAD"]),
  matrix("refresh", "refresh-token"),
  // User-interactive authentication: each of these takes the password again.
  matrix("login/get_token", "password"),
  matrix("account/password", "password"),
  matrix("account/deactivate", "password"),
  matrix("account/3pid/add", "password"),
  matrix("delete_devices", "password"),
  matrix("devices/[^/]+", "password", ["DELETE"]),
  matrix("keys/device_signing/upload", "password"),
  // The OAuth 2.0 server, on the sign-in host.
  post(/^\/oidc\/(?:token|revoke)$/, "client-secret"),
  signIn(post(/^\/oidc\/device$/, "user-code")),
  signIn(post(/^\/oidc\/interaction\/[^/]+$/, "invite-token")),
  post(/^\/oidc\/account\/deactivate$/, "password"),
  // An API key beside the owner's access token.
  { methods: ["GET", "HEAD"], path: /^\/_burrow\/(?:metrics|samples)$/, kind: "api-key" },
  {
    methods: ["GET", "HEAD", "POST", "PUT", "DELETE"],
    path: /^\/_burrow\/admin\/v1\/.+$/,
    kind: "api-key",
  },
];

/**
 * The kind of secret that a request may guess, or undefined. One classifier for both sides: it errs towards naming a
 * route (doubled and trailing slashes are ignored), since what counts in the end is the origin's verdict.
 */
export function classifyGuess(method: string, rawPath: string): GuessKind | undefined {
  return findRoute(method, rawPath)?.kind;
}

/** Where a client asks to be signed in to, with no secret of anybody's: by a session that a browser has. */
const AUTHORISE = /^\/oidc\/(?:authorize|device-authorization)(?:\/.*)?$/;

/** Whether a request may open a session or make an account. Errs towards it, as `classifyGuess` does. */
export function opensSession(method: string, rawPath: string): boolean {
  return (
    findRoute(method, rawPath)?.signsIn === true || readings(rawPath).some((path) => AUTHORISE.test(path))
  );
}

function findRoute(method: string, rawPath: string): GuessRoute | undefined {
  for (const path of readings(rawPath)) {
    const route = GUESS_ROUTES.find((row) => row.methods.includes(method) && row.path.test(path));
    if (route !== undefined) return route;
  }
  return undefined;
}

/** The ways in which a reader may take a path. */
function readings(rawPath: string): string[] {
  const canonical = canonicalisePath(rawPath);
  if (typeof canonical === "string") return [];
  return [...new Set([canonical.path, canonical.soundPrefix].map(withoutEmptySegments))];
}

function withoutEmptySegments(path: string): string {
  return path.replace(/\/{2,}/g, "/").replace(/(.)\/$/, "$1");
}
