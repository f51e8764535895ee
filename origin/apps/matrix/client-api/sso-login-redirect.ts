import { notFound } from "../matrix-error.ts";
import type { Route } from "../route.ts";

/** There is no single sign-on; GET /login offers none. */
export function ssoLoginRedirectRoutes(): Route[] {
  const path = "/_matrix/client/v3/login/sso/redirect";
  return [path, `${path}/:idpId`].map((each) => ({
    method: "GET",
    path: each,
    access: "public",
    handle: () => {
      throw notFound("This server has no single sign-on: sign in with your password.");
    },
  }));
}
