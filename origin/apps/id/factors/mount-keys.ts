import type { Hono } from "hono";
import type { HttpEnv } from "../../../http/request-context.ts";
import type { KeyKind } from "../../../members/keys/keys.ts";
import { redirectTo } from "../../../pages/redirect.ts";
import { keysPage, lifetimes, newKeyPage } from "./keys-page.ts";
import { type Act, type FactorParts, idOf, mountAct } from "./member-act.ts";

const page = "/keys";
const day = 24 * 60 * 60 * 1000;
const kinds: readonly KeyKind[] = ["app-password", "api-key"];

/** A member's app passwords and API keys (G5): made, listed with their last use, revoked. */
export function mountKeys(routes: Hono<HttpEnv>, parts: FactorParts): void {
  const { members, config, now } = parts.context;
  const { keys } = members;
  const { serverName } = config;

  routes.get(page, async (c) => {
    const identity = await parts.requireFresh(c, page);
    if (identity instanceof Response) return identity;
    const { memberId, role } = identity;
    const done = c.req.query("done") === "revoked" ? "The key is revoked." : undefined;
    return parts.layout(c, keysPage({ keys: keys.list(memberId), role, now: now(), done }));
  });

  for (const kind of kinds) {
    mountAct(routes, parts, {
      path: `${page}/${kind}`,
      page,
      async work({ authority, identity, field, fields }) {
        const { memberId, name: memberName } = identity;
        const days = lifetimes[kind].find((offered) => String(offered) === field("days"));
        const key = await keys.create(authority, {
          memberId,
          kind,
          name: field("name"),
          scopes: fields.getAll("scope"),
          ...(days && { expiresInMs: days * day }),
        });
        return newKeyPage({ key, memberName, serverName, script: parts.scripts.shownOnce });
      },
      refused: ({ identity: { memberId, role } }: Act, message) =>
        keysPage({ keys: keys.list(memberId), role, now: now(), problem: { kind, message } }),
    });
  }
  mountAct(routes, parts, {
    path: `${page}/:id/revoke`,
    page,
    async work({ c, authority }) {
      await keys.revoke(authority, idOf(c));
      return redirectTo(`${page}?done=revoked`);
    },
  });
}
