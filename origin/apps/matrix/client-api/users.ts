import type { MatrixContext } from "../matrix-context.ts";
import { badJson, invalidParam } from "../matrix-error.ts";
import type { Answer, Call, Route } from "../route.ts";
import { optionalInteger, requireString } from "./read-body.ts";

const defaultLimit = 10;
const largestLimit = 50;
/** In UTF-16 units; no name is longer. */
const longestTerm = 512;

/** Nobody without an account is asked or told (M3). */
export function usersRoutes(matrix: MatrixContext): Route[] {
  async function search(call: Call): Promise<Answer> {
    const body = await call.json();
    const term = requireString(body, "search_term");
    if (term.length > longestTerm) {
      throw invalidParam(`search_term may have at most ${longestTerm} characters.`);
    }
    const limit = optionalInteger(body, "limit") ?? defaultLimit;
    if (limit < 1) throw badJson("limit must be at least 1.");
    const { userId } = call.requester;
    const { found, limited } = matrix.userDirectory.search(userId, term, Math.min(limit, largestLimit));
    return {
      results: found.map((user) => ({
        user_id: user.userId,
        ...(user.displayName !== undefined && { display_name: user.displayName }),
        ...(user.avatarUrl !== undefined && { avatar_url: user.avatarUrl }),
      })),
      limited,
    };
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
