import type { MatrixContext } from "../matrix-context.ts";
import { notFound } from "../matrix-error.ts";
import type { Answer, Route } from "../route.ts";
import { rtcTransports } from "./rtc-transports.ts";

/** What a client that knows only the server's name is told; /login tells it again. */
export function discovery(matrix: MatrixContext): object {
  const transports = rtcTransports(matrix);
  return {
    "m.homeserver": { base_url: matrix.config.publicUrl },
    ...(transports.length > 0 && { "org.matrix.msc4143.rtc_foci": transports }),
  };
}

export function wellknownRoutes(matrix: MatrixContext): Route[] {
  const { supportPage, supportContact } = matrix.config.matrix;

  /** Only what the owner has set: their user id is not for people without an account. */
  function support(): Answer {
    if (supportPage === "" && supportContact === "") {
      throw notFound("The owner of this server has named no contact.");
    }
    const key = supportContact.startsWith("@") ? "matrix_id" : "email_address";
    return {
      ...(supportContact !== "" && { contacts: [{ [key]: supportContact, role: "m.role.admin" }] }),
      ...(supportPage !== "" && { support_page: supportPage }),
    };
  }

  return [
    {
      method: "GET",
      path: "/.well-known/matrix/client",
      access: "public",
      handle: () => discovery(matrix),
    },
    { method: "GET", path: "/.well-known/matrix/support", access: "public", handle: support },
    {
      // It would sign events for other servers to accept: there are none (M1).
      method: "GET",
      path: "/.well-known/matrix/policy_server",
      access: "public",
      handle: () => {
        throw notFound("This is no policy server.");
      },
    },
  ];
}
