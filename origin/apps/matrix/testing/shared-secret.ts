import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { MembersError } from "../../../members/members.ts";
import { optionalBoolean, optionalString, requireString } from "../client-api/read-body.ts";
import { asMatrixError } from "../client-api/registration.ts";
import type { FollowMembers } from "../../../members/follow-changes.ts";
import { type MatrixContext, userIdOf } from "../matrix-context.ts";
import { badJson, forbidden } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { openSession, readDevice } from "../sign-in.ts";

/** How long a nonce is good for, in ms, and how many are kept: a suite takes one before each account. */
const nonceLifetime = 60_000;
const noncesKept = 1_000;

/**
 * Registration with a shared secret, as Synapse's admin API documents it and suites rely on it: the only way to an
 * administrator's account. None of it is there but on a test server.
 */
export function sharedSecretRoutes(matrix: MatrixContext, following: FollowMembers): Route[] {
  const { members, config, now } = matrix;
  const { registerOpenly } = members;
  const secret = config.testing?.sharedSecret ?? "";
  if (secret === "" || !registerOpenly) return [];
  const nonces = new Map<string, number>();

  function makeNonce(): Answer {
    const nonce = randomBytes(32).toString("hex");
    nonces.set(nonce, now() + nonceLifetime);
    for (const oldest of nonces.keys()) {
      if (nonces.size <= noncesKept) break;
      nonces.delete(oldest);
    }
    return { nonce };
  }

  function takeNonce(nonce: string): boolean {
    const end = nonces.get(nonce);
    nonces.delete(nonce);
    return end !== undefined && end > now();
  }

  // A declaration would not know that registerOpenly is there.
  const register = async (call: Call): Promise<Answer> => {
    const body = await call.json();
    const nonce = requireString(body, "nonce");
    const name = requireString(body, "username");
    const password = requireString(body, "password");
    const displayName = optionalString(body, "displayname");
    const isAdmin = optionalBoolean(body, "admin") ?? false;
    const userType = optionalString(body, "user_type");
    if (!takeNonce(nonce))
      throw badJson("The nonce is unknown, used or older than a minute. Ask for another.");
    const parts = [nonce, name, password, isAdmin ? "admin" : "notadmin"];
    if (!isMac(requireString(body, "mac"), userType === undefined ? parts : [...parts, userType])) {
      throw forbidden("The mac is wrong: HMAC-SHA1 under the shared secret, the parts joined by NUL.");
    }
    try {
      const member = await registerOpenly({ name, password, role: isAdmin ? "owner" : "member" });
      if (displayName !== undefined) {
        await matrix.profiles.set(userIdOf(matrix, member.name), "displayname", displayName);
      }
      const session = await openSession(matrix, following, member, readDevice(call, body));
      return { ...session, home_server: config.serverName };
    } catch (error) {
      throw error instanceof MembersError ? asMatrixError(error) : error;
    }
  };

  function isMac(given: string, parts: readonly string[]): boolean {
    const expected = Buffer.from(createHmac("sha1", secret).update(parts.join("\0")).digest("hex"));
    const bytes = Buffer.from(given.toLowerCase());
    return bytes.length === expected.length && timingSafeEqual(bytes, expected);
  }

  const path = "/_synapse/admin/v1/register";
  return [
    { method: "GET", path, access: "public", handle: makeNonce },
    { method: "POST", path, access: "public", handle: register },
  ];
}
