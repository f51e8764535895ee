import { forbidden } from "../matrix-error.ts";
import type { Route } from "../route.ts";

/** There are no application services, so nobody has the token of one. */
export function appservicePingRoutes(): Route[] {
  return [
    {
      method: "POST",
      path: "/_matrix/client/v1/appservice/:appserviceId/ping",
      access: "member",
      handle: () => {
        throw forbidden("This is not the token of that application service.");
      },
    },
  ];
}
