import type { Json, JsonObject } from "../events/event.ts";
import { isWithinIdLimit } from "../events/identifiers.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { forbidden, invalidParam, MatrixError, missingParam, notFound } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";

/** Appendices §Common Namespaced Identifier Grammar, and the fields that the specification names itself. */
const fieldName = /^(?:avatar_url|displayname|m\.tz|[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+)$/;

const namesScheme = /^[a-z][a-z0-9+.-]*:|^\/\//i;

/** In UTF-16 units. Both stand in a member event in every room. */
const longestName = 256;
const longestAvatarUrl = 1000;

/**
 * Profiles are for those with an account only: names must not be guessed from outside (M3). Suites of others ask
 * without one, as the specification allows.
 */
export function profileRoutes(matrix: MatrixContext): Route[] {
  const { profiles } = matrix;

  function profileOf(call: Call): JsonObject {
    const profile = profiles.get(call.params["userId"] ?? "");
    if (!profile) throw notFound("There is no profile of this user.");
    return profile;
  }

  function getField(call: Call): Answer {
    const field = fieldOf(call);
    const profile = profileOf(call);
    if (!Object.hasOwn(profile, field)) throw notFound("The profile has no such field.");
    return { [field]: profile[field] };
  }

  async function put(call: Call): Promise<Answer> {
    const { field, userId } = ownField(call);
    const body = await call.json();
    const value = Object.hasOwn(body, field) ? body[field] : undefined;
    if (value === undefined) throw missingParam(`${field} is missing.`);
    checkValue(field, value);
    // Clients write an empty text to take a name or picture away.
    const removed = value === "" && (field === "displayname" || field === "avatar_url");
    await profiles.set(userId, field, removed ? undefined : value);
    return {};
  }

  async function remove(call: Call): Promise<Answer> {
    const { field, userId } = ownField(call);
    await profiles.set(userId, field, undefined);
    return {};
  }

  const access = matrix.config.testing ? "public" : "member";
  // By the proposal's path too (MSC4133): clients of before v1.16 know no other.
  return ["v3", "unstable/uk.tcpip.msc4133"].flatMap((prefix): Route[] => {
    const path = `/_matrix/client/${prefix}/profile/:userId`;
    return [
      { method: "GET", path, access, handle: profileOf },
      { method: "GET", path: `${path}/:keyName`, access, handle: getField },
      { method: "PUT", path: `${path}/:keyName`, access: "member", limit: "profiles", handle: put },
      { method: "DELETE", path: `${path}/:keyName`, access: "member", limit: "profiles", handle: remove },
    ];
  });
}

function fieldOf(call: Call): string {
  const field = call.params["keyName"] ?? "";
  if (!isWithinIdLimit(field)) {
    throw new MatrixError(400, "M_KEY_TOO_LARGE", "The name of a profile field may have at most 255 bytes.");
  }
  if (!fieldName.test(field)) throw invalidParam("This is not the name of a profile field.");
  return field;
}

function ownField(call: Call): { field: string; userId: string } {
  if (call.params["userId"] !== call.requester.userId)
    throw forbidden("You can only change your own profile.");
  return { field: fieldOf(call), userId: call.requester.userId };
}

function checkValue(field: string, value: Json): void {
  if (field !== "displayname" && field !== "avatar_url" && field !== "m.tz") return;
  if (typeof value !== "string") throw invalidParam(`${field} must be a string.`);
  const longest = field === "avatar_url" ? longestAvatarUrl : longestName;
  if (value.length > longest) throw invalidParam(`${field} may have at most ${longest} characters.`);
  // Half a character could stand in no event, so the member could join no room any more.
  if (!value.isWellFormed()) throw invalidParam(`${field} must be valid Unicode.`);
  // An address elsewhere would tell its owner who looks. What is no address at all harms nobody, and suites set it.
  if (field === "avatar_url" && namesScheme.test(value) && !value.startsWith("mxc://")) {
    throw invalidParam("avatar_url must be an mxc:// address: upload the picture first.");
  }
}
