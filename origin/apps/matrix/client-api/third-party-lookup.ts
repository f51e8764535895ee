import { notFound } from "../matrix-error.ts";
import type { Route } from "../route.ts";

/** There are no bridges; clients ask for them at their start. */
export function thirdPartyLookupRoutes(): Route[] {
  const base = "/_matrix/client/v3/thirdparty";
  const absent = ["protocol/:protocol", "location/:protocol", "user/:protocol", "location", "user"];
  return [
    { method: "GET", path: `${base}/protocols`, access: "member", handle: () => ({}) },
    ...absent.map(
      (path): Route => ({
        method: "GET",
        path: `${base}/${path}`,
        access: "member",
        handle: () => {
          throw notFound("This server has no bridges to other networks.");
        },
      }),
    ),
  ];
}
