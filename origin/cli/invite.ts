import type { Invite } from "../members/members.ts";
import { answer, type Command, CommandError, readCount, readDuration, textOption } from "./command.ts";
import { withMembers } from "./open-members.ts";

const create: Command = {
  name: "invite create",
  usage: "[--name TEXT] [--uses N] [--expires 7d]",
  summary: "Makes an invite link. It is shown once.",
  options: { name: { type: "string" }, uses: { type: "string" }, expires: { type: "string" } },
  words: 0,
  async run(invocation) {
    const uses = readCount(textOption(invocation, "uses") ?? "1", "--uses");
    const expiresInMs = readDuration(textOption(invocation, "expires") ?? "7d");
    const name = textOption(invocation, "name") ?? "";
    await withMembers(invocation, async (members, config) => {
      if (!members.claimed()) {
        throw new CommandError(
          'Nobody owns this server yet. Run "burrow owner create NAME --password-stdin" first.',
        );
      }
      const invite = await members.createInvite({ name, uses, expiresInMs, createdBy: null });
      const url = `${config.publicUrl}/invite#${invite.token}`;
      answer(
        invocation,
        { id: invite.id, token: invite.token, url, expires_at: new Date(invite.expiresAt).toISOString() },
        [
          `Invite ${invite.id}${name && ` for ${name}`}, good ${uses === 1 ? "once" : `${uses} times`} until ${day(invite.expiresAt)}:`,
          "",
          `  ${url}`,
          "",
          "Whoever has the link can join: pass it on privately.",
          ...(uses > 1
            ? ["Several uses mean that a leaked link lets strangers in: single ones are safer."]
            : []),
        ],
      );
    });
    return 0;
  },
};

const list: Command = {
  name: "invite list",
  usage: "",
  summary: "Lists the invites, without their links.",
  words: 0,
  async run(invocation) {
    await withMembers(invocation, (members) => {
      const now = Date.now();
      const invites = members.listInvites();
      answer(
        invocation,
        { invites: invites.map((invite) => describe(invite, now)) },
        invites.length === 0 ? ["There are no invites."] : invites.map((invite) => line(invite, now)),
      );
    });
    return 0;
  },
};

const revoke: Command = {
  name: "invite revoke",
  usage: "ID",
  summary: "Ends an invite at once.",
  words: 1,
  async run(invocation) {
    const id = readCount(invocation.positionals[0] ?? "", "The invite's id");
    await withMembers(invocation, async (members) => {
      if (!(await members.revokeInvite(id))) {
        throw new CommandError(`There is no open invite ${id}. "burrow invite list" shows which there are.`);
      }
      answer(invocation, { id, revoked: true }, [`Invite ${id} lets nobody in any more.`]);
    });
    return 0;
  },
};

export const inviteCommands: readonly Command[] = [create, list, revoke];

function stateOf(invite: Invite, now: number): string {
  if (invite.revokedAt !== null) return "revoked";
  if (invite.uses >= invite.usesAllowed) return "used";
  return invite.expiresAt <= now ? "expired" : "open";
}

function describe(invite: Invite, now: number) {
  return {
    id: invite.id,
    name: invite.name,
    state: stateOf(invite, now),
    uses: invite.uses,
    uses_allowed: invite.usesAllowed,
    created_at: new Date(invite.createdAt).toISOString(),
    expires_at: new Date(invite.expiresAt).toISOString(),
  };
}

function line(invite: Invite, now: number): string {
  const uses = `${invite.uses}/${invite.usesAllowed} used`;
  return `${String(invite.id).padStart(4)}  ${stateOf(invite, now).padEnd(8)}  ${uses.padEnd(11)}  until ${day(invite.expiresAt)}  ${invite.name}`.trimEnd();
}

function day(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
