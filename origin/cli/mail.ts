import { copyFile, constants } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { answer, type Command, CommandError, readCount, textOption, UsageError } from "./command.ts";
import { openConfig } from "./open-members.ts";
import { type OwnersApi, withOwnersApi } from "./owners-api.ts";
import { createProgressBar } from "./progress-bar.ts";

interface DrainReport {
  readonly fetched: number;
  readonly bytes: number;
  readonly left: number;
  readonly delivered: number;
  readonly quarantined: number;
  readonly postponed: number;
}

interface Drain {
  readonly state: "running" | "done" | "failed";
  readonly error: string | null;
  readonly report: DrainReport | null;
}

interface Status {
  readonly messages: number;
  readonly pending: number;
  readonly quarantined: number;
  readonly last_drain: string | null;
  readonly fetching: boolean;
  readonly failing: { readonly since: string; readonly error: string } | null;
}

interface Quarantined {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly received_at: string;
  readonly bytes: number;
  readonly error: string;
}

const lookMs = 150;

const drain: Command = {
  name: "mail drain",
  usage: "--once",
  summary: "Fetches what has arrived at the edge, now; the daemon does so by itself, too.",
  options: { once: { type: "boolean" } },
  words: 0,
  async run(invocation) {
    if (invocation.options["once"] !== true) {
      throw new UsageError("The daemon fetches mail by itself. Add --once to have it look now.");
    }
    return await withOwnersApi(invocation, async (api) => {
      const bar = createProgressBar(process.stderr, !invocation.json);
      const report = await untilDrained(api, ({ fetched }) => bar.show("Fetching mail", fetched, 0, "count"));
      bar.clear();
      const { fetched, delivered, quarantined, postponed, left } = report;
      const lines = [
        fetched + delivered === 0 ? "Nothing had arrived." : `${fetched} fetched, ${delivered} delivered.`,
      ];
      if (quarantined > 0) lines.push(`${quarantined} in quarantine: burrow mail quarantine list`);
      if (postponed > 0) lines.push(`${postponed} could not be delivered now, and will be tried again.`);
      if (left > 0) lines.push(`${left} could not be fetched, and will be tried again.`);
      answer(invocation, report, lines);
      return left + postponed === 0 ? 0 : 1;
    });
  },
};

async function untilDrained(api: OwnersApi, show: (report: DrainReport) => void): Promise<DrainReport> {
  const { id } = await api.ask<{ id: number }>("POST", "/mail/drain");
  for (;;) {
    const { state, error, report } = await api.ask<Drain>("GET", `/mail/drain/${id}`);
    if (state === "failed") throw new CommandError(error ?? "The drain failed.");
    if (report) show(report);
    if (state === "done" && report) return report;
    await pause(lookMs);
  }
}

const status: Command = {
  name: "mail status",
  usage: "",
  summary: "Shows how many messages there are, wait, or are in quarantine.",
  words: 0,
  async run(invocation) {
    await withOwnersApi(invocation, async (api) => {
      const told = await api.ask<Status>("GET", "/mail/status");
      const { messages, pending, quarantined, last_drain, fetching, failing } = told;
      answer(invocation, told, [
        `Messages       ${messages}`,
        `Pending        ${pending}`,
        `Quarantined    ${quarantined}`,
        `Last drain     ${last_drain ?? "none since the start"}`,
        ...(fetching ? [] : ["Nothing is fetched: mail.bucket_url is not set (docs/mail.md)."]),
        ...(failing ? [`Failing since  ${failing.since}: ${failing.error}`] : []),
      ]);
    });
    return 0;
  },
};

const list: Command = {
  name: "mail quarantine list",
  usage: "[--limit N] [--from ID]",
  summary: "Lists messages that could not be put into a mailbox, and why.",
  options: { limit: { type: "string" }, from: { type: "string" } },
  words: 0,
  async run(invocation) {
    const query = new URLSearchParams({
      limit: String(readCount(textOption(invocation, "limit") ?? "50", "--limit")),
    });
    const from = textOption(invocation, "from");
    if (from !== undefined) query.set("from", String(readCount(from, "--from")));
    await withOwnersApi(invocation, async (api) => {
      const told = await api.ask<{ messages: Quarantined[]; next?: number }>(
        "GET",
        `/mail/quarantine?${query.toString()}`,
      );
      const lines = told.messages.map(
        ({ id, from: sender, to, received_at, bytes, error }) =>
          `${String(id).padEnd(6)} ${received_at}  ${sender || "(a bounce)"} to ${to || "(unknown)"}, ${bytes} bytes: ${error}`,
      );
      if (told.next !== undefined) lines.push(`There are more: --from ${told.next}`);
      answer(invocation, told, lines.length === 0 ? ["Nothing is in quarantine."] : lines);
    });
    return 0;
  },
};

const retry: Command = {
  name: "mail quarantine retry",
  usage: "ID",
  summary: "Tries again to deliver a message that is in quarantine.",
  words: 1,
  async run(invocation) {
    const id = readId(invocation.positionals[0]);
    await withOwnersApi(invocation, (api) => api.ask("POST", `/mail/quarantine/${id}/retry`));
    answer(invocation, { id }, ['It is tried again. "burrow mail status" tells where it ended.']);
    return 0;
  },
};

const save: Command = {
  name: "mail quarantine save",
  usage: "ID --to FILE",
  summary: "Writes a message that is in quarantine into a file, as it came.",
  options: { to: { type: "string" } },
  words: 1,
  async run(invocation) {
    const id = readId(invocation.positionals[0]);
    const path = textOption(invocation, "to");
    if (path === undefined) throw new UsageError("Say where: --to FILE.");
    const { dataDir } = openConfig(invocation);
    await withOwnersApi(invocation, async (api) => {
      const { file, bytes } = await api.ask<{ file: string; bytes: number }>("GET", `/mail/quarantine/${id}`);
      try {
        await copyFile(join(dataDir, file), path, constants.COPYFILE_EXCL);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        throw new CommandError(
          code === "EEXIST" ? `${path} is there already. Choose another name.` : message,
        );
      }
      answer(invocation, { id, path, bytes }, [`${path} has it, ${bytes} bytes, as it came.`]);
    });
    return 0;
  },
};

const remove: Command = {
  name: "mail quarantine remove",
  usage: "ID --yes",
  summary: "Deletes a message that is in quarantine, for good.",
  options: { yes: { type: "boolean" } },
  words: 1,
  async run(invocation) {
    const id = readId(invocation.positionals[0]);
    if (invocation.options["yes"] !== true) {
      throw new UsageError('This cannot be undone. Save it first ("mail quarantine save"), then add --yes.');
    }
    await withOwnersApi(invocation, (api) => api.ask("DELETE", `/mail/quarantine/${id}`));
    answer(invocation, { id }, ["It is deleted."]);
    return 0;
  },
};

const readId = (text = ""): number => readCount(text, "The id");

export const mailCommands: readonly Command[] = [drain, status, list, retry, save, remove];
