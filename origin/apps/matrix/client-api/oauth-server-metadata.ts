import { serverMetadata } from "../../../gate/oauth/authorization-server.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { unrecognised } from "../matrix-error.ts";
import type { Route } from "../route.ts";

/** Clients ask how to sign in by OAuth 2.0; where that is off, this code sends them to /login. */
export function oauthServerMetadataRoutes({ config }: MatrixContext): Route[] {
  const metadata = config.matrix.oauth === "on" ? JSON.stringify(serverMetadata(config)) : undefined;
  return ["v1/auth_metadata", "unstable/org.matrix.msc2965/auth_metadata"].map((path) => ({
    method: "GET",
    path: `/_matrix/client/${path}`,
    access: "public",
    handle() {
      if (metadata === undefined) throw unrecognised();
      const headers = { "content-type": "application/json", "cache-control": "public, max-age=3600" };
      return new Response(metadata, { headers });
    },
  }));
}
