import type { MatrixContext } from "../matrix-context.ts";
import { notFound } from "../matrix-error.ts";
import type { Route } from "../route.ts";
import { ownUser } from "./own-data.ts";

export function filterRoutes(matrix: MatrixContext): Route[] {
  return [
    {
      method: "POST",
      path: "/_matrix/client/v3/user/:userId/filter",
      access: "reading",
      async handle(call) {
        const userId = ownUser(call);
        return { filter_id: await matrix.filters.add(userId, await call.json()) };
      },
    },
    {
      method: "GET",
      path: "/_matrix/client/v3/user/:userId/filter/:filterId",
      access: "member",
      handle(call) {
        const definition = matrix.filters.definition(ownUser(call), call.params["filterId"] ?? "");
        if (!definition) throw notFound("You have no filter of this id.");
        return definition;
      },
    },
  ];
}
