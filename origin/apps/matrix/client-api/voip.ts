import type { Route } from "../route.ts";

/** No relay is offered (M6); clients ask for one regularly. */
export function voipRoutes(): Route[] {
  return [
    { method: "GET", path: "/_matrix/client/v3/voip/turnServer", access: "member", handle: () => ({}) },
  ];
}
