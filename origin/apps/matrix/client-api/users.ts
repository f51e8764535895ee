import type { MatrixContext } from "../matrix-context.ts";
import { userIdOf } from "../matrix-context.ts";
import { badJson } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { optionalInteger, requireString } from "./read-body.ts";

const defaultLimit = 10;
const largestLimit = 50;

/**
 * Everyone with an account may find everyone else who has one: they are the handful of people that the owner
 * invited. Nobody else is asked or told (M3).
 */
export function usersRoutes(matrix: MatrixContext): Route[] {
  async function search(call: Call): Promise<Answer> {
    const body = await call.json();
    const term = requireString(body, "search_term").trim().toLowerCase();
    const limit = optionalInteger(body, "limit") ?? defaultLimit;
    if (limit < 1) throw badJson("limit must be at least 1.");
    const results: object[] = [];
    const most = Math.min(limit, largestLimit);
    for (const member of matrix.members.list()) {
      const userId = userIdOf(matrix, member.name);
      if (member.state !== "active" || userId === call.requester.userId) continue;
      const { displayname, avatar_url: avatarUrl } = matrix.profiles.get(userId) ?? {};
      const name = typeof displayname === "string" ? displayname : "";
      if (!userId.includes(term) && !name.toLowerCase().includes(term)) continue;
      if (results.length === most) return { results, limited: true };
      results.push({
        user_id: userId,
        ...(name !== "" && { display_name: name }),
        ...(avatarUrl !== undefined && { avatar_url: avatarUrl }),
      });
    }
    return { results, limited: false };
  }

  return [
    {
      method: "POST",
      path: "/_matrix/client/v3/user_directory/search",
      access: "reading",
      limit: "search",
      handle: search,
    },
  ];
}
