import { invalidParam } from "../matrix-error.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { createSpaceHierarchy } from "../rooms/space-hierarchy.ts";
import type { Answer, Call, Route } from "../route.ts";
import { queryCount } from "./read-body.ts";

const usualLimit = 20;
const mostAsked = 1000;

export function spaceHierarchyRoutes(matrix: MatrixContext): Route[] {
  const hierarchy = createSpaceHierarchy(matrix);

  function get(call: Call): Answer {
    const { query } = call;
    const limit = queryCount(query, "limit", usualLimit, mostAsked);
    if (limit === 0) throw invalidParam("limit must be 1 or more.");
    return hierarchy({
      userId: call.requester.userId,
      roomId: call.params["roomId"] ?? "",
      limit,
      maxDepth: query.has("max_depth") ? queryCount(query, "max_depth", 0, mostAsked) : undefined,
      suggestedOnly: readFlag(query, "suggested_only"),
      from: query.get("from") ?? undefined,
    });
  }
  return [
    {
      method: "GET",
      path: "/_matrix/client/v1/rooms/:roomId/hierarchy",
      access: "member",
      handle: get,
    },
  ];
}

function readFlag(query: URLSearchParams, key: string): boolean | undefined {
  const value = query.get(key);
  if (value === null) return undefined;
  if (value !== "true" && value !== "false") throw invalidParam(`${key} must be true or false.`);
  return value === "true";
}
