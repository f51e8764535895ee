import type { MatrixContext } from "../matrix-context.ts";
import type { Route } from "../route.ts";

/** What a client that knows only the server's name is told; /login tells it again. */
export const discovery = (matrix: MatrixContext): object => ({
  "m.homeserver": { base_url: matrix.config.publicUrl },
});

export function wellknownRoutes(matrix: MatrixContext): Route[] {
  return [
    {
      method: "GET",
      path: "/.well-known/matrix/client",
      access: "public",
      handle: () => discovery(matrix),
    },
    {
      // A page, no contacts: the owner's user id is not for people without an account.
      method: "GET",
      path: "/.well-known/matrix/support",
      access: "public",
      handle: () => ({ support_page: `${matrix.config.publicUrl}/` }),
    },
  ];
}
