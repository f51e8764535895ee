import { makePassword } from "../members/make-password.ts";
import type { Member, Members } from "../members/members.ts";
import { answer, type Command, CommandError, type Invocation, textOption } from "./command.ts";
import { withMembers } from "./open-members.ts";
import { withOwnersApi } from "./owners-api.ts";
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
        locked: member.lockedAt !== null,
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
                `${one.name.padEnd(width)}  ${one.role.padEnd(6)}  ${one.state.padEnd(11)}  ${one.devices} signed in${one.locked ? ", locked" : ""}`,
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

const devices: Command = {
  name: "member devices",
  usage: "NAME",
  summary: "Lists where a member is signed in.",
  words: 1,
  async run(invocation) {
    await withMember(invocation, async (members, member) => {
      const all = members.devices(member.id).map((device) => ({
        device_id: device.deviceId,
        display_name: device.displayName,
        last_seen_at: device.lastSeenAt === null ? null : new Date(device.lastSeenAt).toISOString(),
        last_seen_address: device.lastSeenAddress,
      }));
      answer(
        invocation,
        { name: member.name, devices: all },
        all.length === 0
          ? [`${member.name} is signed in nowhere.`]
          : all.map(
              // Clients name devices: without what a terminal obeys.
              (one) =>
                `${JSON.stringify(one.device_id)}  ${one.last_seen_at ?? "never seen"}  ${one.last_seen_address ?? ""}  ${JSON.stringify(one.display_name ?? "")}`,
            ),
      );
    });
    return 0;
  },
};

const kickDevice: Command = {
  name: "member kick-device",
  usage: "NAME DEVICE-ID",
  summary: "Signs one device of a member out.",
  words: 2,
  async run(invocation) {
    const deviceId = invocation.positionals[1] ?? "";
    await withMember(invocation, async (members, member) => {
      if (!(await members.endSession(member.id, deviceId))) {
        throw new CommandError(
          `${member.name} has no device ${deviceId}. "burrow member devices ${member.name}" shows which there are.`,
        );
      }
      answer(invocation, { name: member.name, device_id: deviceId, signed_out: 1 }, [
        `${deviceId} of ${member.name} was signed out.`,
      ]);
    });
    return 0;
  },
};

const redact: Command = {
  name: "member redact",
  usage: "NAME [--room ROOM-ID] [--reason TEXT] [--no-wait]",
  summary: "Takes all that a member has said out of the rooms, or out of one.",
  options: { room: { type: "string" }, reason: { type: "string" }, "no-wait": { type: "boolean" } },
  words: 1,
  async run(invocation) {
    const [name = ""] = invocation.positionals;
    const room = textOption(invocation, "room");
    const reason = textOption(invocation, "reason");
    await withOwnersApi(invocation, async (api) => {
      const { job, waited } = await api.runJob("POST", `/members/${encodeURIComponent(name)}/redact`, {
        ...(room !== undefined && { room_id: room }),
        ...(reason !== undefined && { reason }),
      });
      answer(invocation, { name, job }, [
        waited ? `${job.done} messages of ${name} are redacted.` : `They are being redacted: job ${job.id}.`,
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
        const locked = after.lockedAt !== null;
        answer(invocation, { name: after.name, state: after.state, locked, ...facts }, [said]);
      });
      return 0;
    },
  };
}

export const memberCommands: readonly Command[] = [
  list,
  resetPassword,
  act("suspend", "Lets a member read and leave, but not write, from now on.", async (members, member) => {
    await members.suspend(member.id);
    return { said: `${member.name} may read, but not write, from the next request on.` };
  }),
  act("unsuspend", "Lets a suspended member write again.", async (members, member) => {
    await members.unsuspend(member.id);
    return { said: `${member.name} may write again.` };
  }),
  act("lock", "Refuses all of a member's requests from now on; nothing is lost.", async (members, member) => {
    await members.lock(member.id);
    return { said: `${member.name} is locked out from the next request on.` };
  }),
  act("unlock", "Lets a locked member in again, on the same devices.", async (members, member) => {
    await members.unlock(member.id);
    return { said: `${member.name} may use the server again.` };
  }),
  act(
    "reset-factors",
    "Takes a member's passkeys, authenticator app and recovery codes: the password alone signs in again.",
    async (members, member) => {
      const { passkeys, totp, recoveryCodes } = await members.resetFactors({ via: "device" }, member.id);
      return {
        said: `${member.name} signs in with the password alone now. Gone: ${passkeys} passkeys, ${totp ? "the authenticator app" : "no authenticator app"}, ${recoveryCodes} recovery codes. If they may be in somebody else's hands: burrow member sign-out ${member.name}`,
        facts: { passkeys, totp, recovery_codes: recoveryCodes },
      };
    },
  ),
  devices,
  kickDevice,
  act("sign-out", "Signs a member out of every device and browser.", async (members, member) => {
    const sessions = await members.endSessions(member.id);
    const browsers = await members.webSessions.endAll(member.id);
    return {
      said: `${sessions} devices and ${browsers} browsers of ${member.name} were signed out.`,
      facts: { signed_out: sessions + browsers },
    };
  }),
  act(
    "deactivate",
    "Ends an account for good. Its name is never given out again.",
    async (members, member) => {
      await members.deactivate(member.id);
      return { said: `The account ${member.name} is closed.` };
    },
  ),
  act(
    "erase",
    "Ends an account for good; who joins a room later is shown nothing of what it said.",
    async (members, member) => {
      await members.deactivate(member.id, { erase: true });
      return { said: `The account ${member.name} is closed, and what it said is kept from newcomers.` };
    },
  ),
  redact,
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
