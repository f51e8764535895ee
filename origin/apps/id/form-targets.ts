import type { Context } from "hono";
import type { HttpEnv } from "../../http/request-context.ts";
import { originOf } from "../../http/same-origin.ts";
import { parseHandOff } from "./hand-off.ts";

/**
 * The other origin that a sign-in leads to at once: Chromium holds the redirects after a form to its page's
 * `form-action`, too. `next` has been judged.
 */
export function formTargets(
  c: Context<HttpEnv>,
  hosts: ReadonlyMap<string, string>,
  next: string,
): readonly string[] {
  const { pathname, searchParams } = new URL(next, originOf(c.env.context.client));
  const wish = pathname === "/hand-off" ? parseHandOff(searchParams, hosts) : undefined;
  return wish ? [originOf(c.env.context.client, wish.host)] : [];
}
