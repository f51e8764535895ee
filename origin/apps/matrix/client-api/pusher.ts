import type { Route } from "../route.ts";

/** Nobody has a pusher yet; settings pages list them. */
export function pusherRoutes(): Route[] {
  return [
    { method: "GET", path: "/_matrix/client/v3/pushers", access: "member", handle: () => ({ pushers: [] }) },
  ];
}
