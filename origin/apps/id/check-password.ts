import type { Context } from "hono";
import { readDeviceCookie } from "../../../shared/device-cookie.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import type { Member } from "../../members/members.ts";
import type { IdContext } from "./id-context.ts";

/** One try at a password, within the limits. Undefined: wrong, or no such member. Throws ThrottledError, busy. */
export async function checkPassword(
  { members, guesses }: Pick<IdContext, "members" | "guesses">,
  c: Context<HttpEnv>,
  account: string,
  password: string,
): Promise<Member | undefined> {
  const deviceCookie = readDeviceCookie(c.req.header("cookie"));
  return guesses.attempt(
    c.env.context,
    { kind: "password", account, credential: password, deviceCookie },
    (turn) => members.verifyPassword(account, password, turn),
  );
}
