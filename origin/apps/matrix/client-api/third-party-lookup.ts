import type { Route } from "../route.ts";

/** There are no bridges; clients ask for them at their start. */
export function thirdPartyLookupRoutes(): Route[] {
  return [
    { method: "GET", path: "/_matrix/client/v3/thirdparty/protocols", access: "member", handle: () => ({}) },
  ];
}
