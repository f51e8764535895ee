import type { Context } from "hono";
import { hostNamed } from "../../config/hosts.ts";
import type { HttpEnv } from "../../http/request-context.ts";
import { originOf } from "../../http/same-origin.ts";

/** Where members sign in, and find their own page. */
export function signInAddress(c: Context<HttpEnv>, hosts: ReadonlyMap<string, string>): string {
  return `${originOf(c.env.context.client, hostNamed(hosts, "id"))}/`;
}
