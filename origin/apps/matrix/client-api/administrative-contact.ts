import type { JsonObject } from "../events/event.ts";
import { MatrixError } from "../matrix-error.ts";
import type { Route } from "../route.ts";
import { optionalString } from "./read-body.ts";

const client = "/_matrix/client/v3";

/**
 * No e-mail addresses or telephone numbers are kept (M6), and no identity server is asked; settings pages list them and
 * take a refusal.
 */
export function administrativeContactRoutes(): Route[] {
  const own = `${client}/account/3pid`;
  return [
    { method: "GET", path: own, access: "member", handle: () => ({ threepids: [] }) },
    refusal(own, "member", notAuthenticated),
    refusal(`${own}/add`, "member", notAuthenticated),
    refusal(`${own}/bind`, "member", () => notTrusted()),
    // What is not there is gone already, and was bound nowhere.
    ...["delete", "unbind"].map(
      (name): Route => ({
        method: "POST",
        path: `${own}/${name}`,
        access: "member",
        handle: async (call) => {
          await call.json();
          return { id_server_unbind_result: "no-support" };
        },
      }),
    ),
    ...["email", "msisdn"].flatMap((medium) => [
      refusal(`${own}/${medium}/requestToken`, "public", () =>
        refused(400, "M_THREEPID_MEDIUM_NOT_SUPPORTED"),
      ),
      // Alike for every address (M3).
      ...[`${client}/register`, `${client}/account/password`].map((path) =>
        refusal(`${path}/${medium}/requestToken`, "public", () => refused(403, "M_THREEPID_DENIED")),
      ),
    ]),
  ];
}

function refusal(path: string, access: Route["access"], error: (body: JsonObject) => MatrixError): Route {
  return {
    method: "POST",
    path,
    access,
    handle: async (call) => {
      const body = await call.json();
      throw optionalString(body, "id_server") === undefined ? error(body) : notTrusted();
    },
  };
}

const refused = (status: 400 | 403, errcode: string): MatrixError =>
  new MatrixError(
    status,
    errcode,
    "This server keeps no e-mail addresses or telephone numbers. If you forgot your password, ask the owner.",
  );

const notAuthenticated = (): MatrixError => refused(400, "M_THREEPID_AUTH_FAILED");

const notTrusted = (): MatrixError =>
  new MatrixError(400, "M_SERVER_NOT_TRUSTED", "This server asks no identity server.");
