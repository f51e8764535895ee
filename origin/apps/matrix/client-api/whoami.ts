import type { Route } from "../route.ts";

export function whoamiRoutes(): Route[] {
  return [
    {
      method: "GET",
      path: "/_matrix/client/v3/account/whoami",
      access: "member",
      handle: ({ requester }) => ({
        user_id: requester.userId,
        device_id: requester.deviceId,
        is_guest: false,
      }),
    },
  ];
}
