import { answer, type Command } from "./command.ts";
import { withOwnersApi } from "./owners-api.ts";

interface AliasReport {
  readonly name: string;
  readonly address: string;
  readonly members: readonly string[];
}

const list: Command = {
  name: "mail alias list",
  usage: "",
  summary: "Lists the further addresses, and who gets their mail.",
  words: 0,
  async run(invocation) {
    await withOwnersApi(invocation, async (api) => {
      const told = await api.ask<{ aliases: AliasReport[] }>("GET", "/mail/aliases");
      const width = Math.max(0, ...told.aliases.map(({ address }) => address.length));
      answer(
        invocation,
        told,
        told.aliases.length === 0
          ? ['There are no aliases. "burrow mail alias add sales@ ada" makes one.']
          : told.aliases.map(({ address, members }) => `${address.padEnd(width)}  ${members.join(", ")}`),
      );
    });
    return 0;
  },
};

const add: Command = {
  name: "mail alias add",
  usage: "ADDRESS MEMBER [MEMBER ...]",
  summary: "Gives members a further address. One of a single member's they may also write as.",
  words: [2, 101],
  async run(invocation) {
    const [name = "", ...members] = invocation.positionals;
    await withOwnersApi(invocation, async (api) => {
      const alias = await api.ask<AliasReport>("POST", pathOf(name), { members });
      answer(invocation, alias, [`${alias.address} is for ${alias.members.join(", ")}.`]);
    });
    return 0;
  },
};

const remove: Command = {
  name: "mail alias remove",
  usage: "ADDRESS [MEMBER ...]",
  summary: "Takes members off a further address, or the address itself.",
  words: [1, 101],
  async run(invocation) {
    const [name = "", ...members] = invocation.positionals;
    const query = new URLSearchParams(members.map((member): [string, string] => ["member", member]));
    await withOwnersApi(invocation, async (api) => {
      const path = members.length === 0 ? pathOf(name) : `${pathOf(name)}?${query.toString()}`;
      const alias = await api.ask<AliasReport>("DELETE", path);
      answer(invocation, alias, [
        alias.members.length === 0
          ? `${alias.address} is nobody's any more: what comes for it is the owner's, or refused (mail.unknown_recipients).`
          : `${alias.address} is for ${alias.members.join(", ")}.`,
      ]);
    });
    return 0;
  },
};

const pathOf = (name: string): string => `/mail/aliases/${encodeURIComponent(name)}`;

export const mailAliasCommands: readonly Command[] = [list, add, remove];
