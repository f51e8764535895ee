import { answer, type Command, UsageError } from "./command.ts";
import { withMembers } from "./open-members.ts";
import { readPassword } from "./read-password.ts";

export const ownerCreate: Command = {
  name: "owner create",
  usage: "NAME --password-stdin",
  summary: "Claims the server on the device, for the owner.",
  options: { "password-stdin": { type: "boolean" } },
  words: 1,
  async run(invocation) {
    const [name = ""] = invocation.positionals;
    if (invocation.options["password-stdin"] !== true) {
      // Never as an argument: every process of the machine can read those.
      throw new UsageError("Pass the password on standard input: burrow owner create NAME --password-stdin");
    }
    const password = await readPassword(invocation.input);
    await withMembers(invocation, async (members, config) => {
      const owner = await members.createOwner({ name, password });
      answer(invocation, { name: owner.name, user_id: `@${owner.name}:${config.serverName}` }, [
        `The server belongs to ${owner.name} now (@${owner.name}:${config.serverName}).`,
        'Next: "burrow invite create" for the first guest.',
      ]);
    });
    return 0;
  },
};
