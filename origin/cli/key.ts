import type { Authority } from "../members/authority.ts";
import type { Key } from "../members/keys/keys.ts";
import { isKeyScope, keyScopes } from "../members/keys/key-scopes.ts";
import type { Member, Members } from "../members/members.ts";
import {
  answer,
  type Command,
  CommandError,
  type Invocation,
  readCount,
  readDuration,
  textOption,
  UsageError,
} from "./command.ts";
import { withMembers } from "./open-members.ts";

/** Whoever can write in the data folder. */
const authority: Authority = { via: "device" };

const create: Command = {
  name: "key create",
  usage: "--scope SCOPE[,SCOPE] --expires 90d [--name TEXT] [--member NAME]",
  summary: "Makes an API key, of the owner or of a member. It is shown once.",
  options: {
    scope: { type: "string" },
    expires: { type: "string" },
    name: { type: "string" },
    member: { type: "string" },
  },
  words: 0,
  async run(invocation) {
    const scopes = (textOption(invocation, "scope") ?? "").split(",").filter((scope) => scope !== "");
    if (scopes.length === 0 || !scopes.every(isKeyScope)) {
      throw new UsageError(`Say with --scope what the key may open: ${Object.keys(keyScopes).join(", ")}.`);
    }
    const expires = textOption(invocation, "expires");
    if (expires === undefined)
      throw new UsageError("Say with --expires when it ends, such as 90d (a year at most).");
    const expiresInMs = readDuration(expires);
    await withMembers(invocation, async (members) => {
      const { id: memberId, name: owner } = holder(members, textOption(invocation, "member"));
      const name = textOption(invocation, "name") ?? "";
      const request = { memberId, kind: "api-key", name, scopes, expiresInMs } as const;
      const { secret, ...key } = await members.keys.create(authority, request);
      answer(invocation, { ...describe(key, owner), secret }, [
        `API key ${key.id} (${key.name}) of ${owner}, good until ${day(key.expiresAt)} for ${key.scopes.join(", ")}:`,
        "",
        `  ${secret}`,
        "",
        "It is shown this once. Programs send it as: Authorization: Bearer KEY",
      ]);
    });
    return 0;
  },
};

const list: Command = {
  name: "key list",
  usage: "[--member NAME]",
  summary: "Lists API keys and app passwords, without their secrets.",
  options: { member: { type: "string" } },
  words: 0,
  async run(invocation) {
    await withMembers(invocation, (members) => {
      const wished = textOption(invocation, "member");
      const keys = members.keys.list(wished === undefined ? undefined : holder(members, wished).id);
      const names = new Map(members.list().map(({ id, name }) => [id, name]));
      const nameOf = (key: Key) => names.get(key.memberId) ?? "";
      const now = Date.now();
      answer(
        invocation,
        { keys: keys.map((key) => ({ ...describe(key, nameOf(key)), state: stateOf(key, now) })) },
        keys.length === 0 ? ["There are no keys."] : keys.map((key) => line(key, nameOf(key), now)),
      );
    });
    return 0;
  },
};

const revoke: Command = {
  name: "key revoke",
  usage: "ID",
  summary: "Ends an API key or app password on its next use.",
  words: 1,
  async run(invocation: Invocation) {
    const id = readCount(invocation.positionals[0] ?? "", "The key's id");
    await withMembers(invocation, async (members) => {
      if (!(await members.keys.revoke(authority, id))) {
        throw new CommandError(
          `There is no key ${id} that still opens anything. "burrow key list" shows all.`,
        );
      }
      answer(invocation, { id, revoked: true }, [`Key ${id} opens nothing any more.`]);
    });
    return 0;
  },
};

export const keyCommands: readonly Command[] = [create, list, revoke];

function holder(members: Members, wished: string | undefined): Member {
  const member =
    wished === undefined ? members.list().find(({ role }) => role === "owner") : members.find(wished);
  if (member) return member;
  throw new CommandError(
    wished === undefined
      ? 'Nobody owns this server yet. Run "burrow owner create NAME --password-stdin" first.'
      : `There is no member ${wished}. "burrow member list" shows who there is.`,
  );
}

function stateOf({ revokedAt, expiresAt }: Key, now: number): "good" | "revoked" | "expired" {
  if (revokedAt !== null) return "revoked";
  return expiresAt !== null && expiresAt <= now ? "expired" : "good";
}

const isoTime = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString());

function describe(key: Key, member: string) {
  return {
    id: key.id,
    kind: key.kind,
    member,
    name: key.name,
    scopes: key.scopes,
    created_at: isoTime(key.createdAt),
    expires_at: isoTime(key.expiresAt),
    last_used_at: isoTime(key.lastUsedAt),
    last_used_address: key.lastUsedAddress,
  };
}

function line(key: Key, member: string, now: number): string {
  const until = key.expiresAt === null ? "without end" : `until ${day(key.expiresAt)}`;
  const used = key.lastUsedAt === null ? "never used" : `last used ${day(key.lastUsedAt)}`;
  return `${String(key.id).padStart(4)}  ${stateOf(key, now).padEnd(7)}  ${key.kind.padEnd(12)}  ${member}  ${key.scopes.join(",")}  ${until}  ${used}  ${JSON.stringify(key.name)}`;
}

function day(time: number | null): string {
  return time === null ? "" : new Date(time).toISOString().slice(0, 10);
}
