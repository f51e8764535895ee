import { unrecognised } from "../matrix-error.ts";
import type { Route } from "../route.ts";

/** Clients ask whether there is an OAuth 2.0 server: there is none, and this code tells them to use /login. */
export function oauthServerMetadataRoutes(): Route[] {
  return ["v1/auth_metadata", "unstable/org.matrix.msc2965/auth_metadata"].map((path) => ({
    method: "GET",
    path: `/_matrix/client/${path}`,
    access: "public",
    handle: () => {
      throw unrecognised();
    },
  }));
}
