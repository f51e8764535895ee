import type { Route } from "../route.ts";

/** No e-mail addresses or telephone numbers are kept (M6); settings pages list them. */
export function administrativeContactRoutes(): Route[] {
  return [
    {
      method: "GET",
      path: "/_matrix/client/v3/account/3pid",
      access: "member",
      handle: () => ({ threepids: [] }),
    },
  ];
}
