import { randomInt } from "node:crypto";
import type { Member, Members } from "../members/members.ts";
import { answer, type Command, CommandError, type Invocation } from "./command.ts";
import { withMembers } from "./open-members.ts";
import { readPassword } from "./read-password.ts";

const list: Command = {
  name: "member list",
  usage: "",
  summary: "Lists the accounts.",
  words: 0,
  async run(invocation) {
    await withMembers(invocation, (members, config) => {
      const all = members.list();
      const described = all.map((member) => ({
        name: member.name,
        user_id: `@${member.name}:${config.serverName}`,
        role: member.role,
        state: member.state,
        created_at: new Date(member.createdAt).toISOString(),
        devices: members.devices(member.id).length,
      }));
      const width = Math.max(0, ...all.map((member) => member.name.length));
      answer(
        invocation,
        { members: described },
        described.length === 0
          ? ["There are no accounts yet."]
          : described.map(
              (one) =>
                `${one.name.padEnd(width)}  ${one.role.padEnd(6)}  ${one.state.padEnd(11)}  ${one.devices} signed in`,
            ),
      );
    });
    return 0;
  },
};

const resetPassword: Command = {
  name: "member reset-password",
  usage: "NAME [--password-stdin]",
  summary: "Gives a member a new password and signs all their devices out.",
  options: { "password-stdin": { type: "boolean" } },
  words: 1,
  async run(invocation) {
    const given = invocation.options["password-stdin"] === true;
    const password = given ? await readPassword(invocation.input) : makePassword();
    await withMember(invocation, async (members, member) => {
      const ended = await members.changePassword(member.id, password, "none");
      answer(invocation, { name: member.name, signed_out: ended, ...(given ? {} : { password }) }, [
        given ? `${member.name} has the new password.` : `The new password of ${member.name}: ${password}`,
        `${ended} devices were signed out. Tell ${member.name} to choose an own password after signing in.`,
      ]);
    });
    return 0;
  },
};

/** A command that does one thing to one member. */
function act(
  verb: string,
  summary: string,
  work: (members: Members, member: Member) => Promise<{ said: string; facts?: object }>,
): Command {
  return {
    name: `member ${verb}`,
    usage: "NAME",
    summary,
    words: 1,
    async run(invocation) {
      await withMember(invocation, async (members, member) => {
        const { said, facts } = await work(members, member);
        const after = members.get(member.id) ?? member;
        answer(invocation, { name: after.name, state: after.state, ...facts }, [said]);
      });
      return 0;
    },
  };
}

export const memberCommands: readonly Command[] = [
  list,
  resetPassword,
  act("suspend", "Refuses a member's requests from now on; nothing is lost.", async (members, member) => {
    await members.suspend(member.id);
    return { said: `${member.name} is suspended from the next request on.` };
  }),
  act("unsuspend", "Lets a suspended member in again.", async (members, member) => {
    await members.unsuspend(member.id);
    return { said: `${member.name} may use the server again.` };
  }),
  act("sign-out", "Ends all sessions of a member.", async (members, member) => {
    const ended = await members.endSessions(member.id);
    return { said: `${ended} devices of ${member.name} were signed out.`, facts: { signed_out: ended } };
  }),
  act(
    "deactivate",
    "Ends an account for good. Its name is never given out again.",
    async (members, member) => {
      await members.deactivate(member.id);
      return { said: `The account ${member.name} is closed.` };
    },
  ),
];

async function withMember(
  invocation: Invocation,
  work: (members: Members, member: Member) => Promise<void>,
): Promise<void> {
  const [name = ""] = invocation.positionals;
  await withMembers(invocation, async (members) => {
    const member = members.find(name);
    if (!member)
      throw new CommandError(`There is no member ${name}. "burrow member list" shows who there is.`);
    await work(members, member);
  });
}

/** Five groups of five letters and digits that are not easily confused: 121 bits, and still to be read out. */
function makePassword(): string {
  const letters = "abcdefghjkmnpqrstuvwxyz23456789";
  const group = () => Array.from({ length: 5 }, () => letters[randomInt(letters.length)]).join("");
  return Array.from({ length: 5 }, group).join("-");
}
