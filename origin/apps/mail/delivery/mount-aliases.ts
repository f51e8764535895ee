import type { Context, Hono } from "hono";
import { localPartOf } from "../../../../shared/mail-policy.ts";
import type { HttpEnv } from "../../../http/request-context.ts";
import type { MailContext } from "../mail-context.ts";
import type { Alias } from "./alias-store.ts";

const base = "/_burrow/admin/v1/mail/aliases";
/** RFC 5322 §3.2.3, and letters of other scripts (RFC 6531); without `+`, behind which anything may stand. */
const grammar = /^[\p{L}\p{N}!#$%&'*/=?^_`{|}~-]+(?:\.[\p{L}\p{N}!#$%&'*/=?^_`{|}~-]+)*$/u;
const longestName = 64;
const mostAliases = 1000;

/** The owner's operations on aliases (docs/admin-api.md): what `burrow mail alias` asks. Behind the owners' door. */
export function mountAliases(
  routes: Hono<HttpEnv>,
  { aliases, config, members }: Pick<MailContext, "aliases" | "config" | "members">,
): void {
  const describe = ({ name, members: ids }: Alias) => ({
    name,
    address: `${name}@${config.domain}`,
    members: ids.flatMap((id) => members.get(id)?.name ?? []),
  });
  /** The alias that a path names, alone or as an address of this domain, or what is wrong with it. */
  const nameIn = (c: Context<HttpEnv>): { name: string } | { problem: string } => {
    const [local = "", ...domain] = (c.req.param("name") ?? "").split("@");
    const address = `${local}@${domain.join("@") || config.domain}`;
    const name = localPartOf(address, config.domain);
    if (name === undefined) return { problem: `An alias ends in @${config.domain}, or has no @.` };
    if (name.length > longestName || !grammar.test(name))
      return { problem: "An alias has letters, digits and . _ - only, and no +." };
    return { name };
  };

  routes.get(base, (c) => c.json({ aliases: aliases.list().map(describe) }));

  routes.post(`${base}/:name`, async (c) => {
    const named = nameIn(c);
    if ("problem" in named) return refuse(c, named.problem);
    const { name } = named;
    const body = (await c.req.json().catch(() => ({}))) as { members?: unknown };
    if (!Array.isArray(body.members) || body.members.length === 0 || body.members.length > 100)
      return refuse(c, "Name the members who are to get its mail, 1 to 100.");
    const holder = members.find(name);
    if (holder && holder.state !== "deactivated")
      return refuse(c, `${name} is the name of a member, whose address it is already.`);
    const ids = new Set(aliases.membersOf(name));
    if (ids.size === 0 && aliases.list().length >= mostAliases)
      return refuse(c, `There are ${mostAliases} aliases. Remove one that nobody uses.`);
    for (const given of body.members as unknown[]) {
      const member = typeof given === "string" ? members.find(given) : undefined;
      if (!member || member.state === "deactivated") return refuse(c, `There is no member ${String(given)}.`);
      ids.add(member.id);
    }
    await aliases.set(name, [...ids]);
    return c.json(describe({ name, members: aliases.membersOf(name) }));
  });

  routes.delete(`${base}/:name`, async (c) => {
    const named = nameIn(c);
    if ("problem" in named) return refuse(c, named.problem);
    const { name } = named;
    const had = aliases.membersOf(name);
    if (had.length === 0) return missing(c, `There is no alias ${name}.`);
    const leaving = (c.req.queries("member") ?? []).map((given) => [given, members.find(given)?.id] as const);
    const stranger = leaving.find(([, id]) => id === undefined || !had.includes(id));
    if (stranger) return missing(c, `${stranger[0]} gets no mail of ${name}.`);
    const stay = leaving.length === 0 ? [] : had.filter((id) => !leaving.some(([, gone]) => gone === id));
    await aliases.set(name, stay);
    return c.json(describe({ name, members: stay }));
  });
}

const refuse = (c: Context<HttpEnv>, error: string): Response =>
  c.json({ errcode: "M_INVALID_PARAM", error }, 400);
const missing = (c: Context<HttpEnv>, error: string): Response =>
  c.json({ errcode: "M_NOT_FOUND", error }, 404);
