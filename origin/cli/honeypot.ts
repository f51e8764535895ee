import { answer, type Command, type Invocation, readCount, readDuration, textOption } from "./command.ts";
import { withOwnersApi } from "./owners-api.ts";

interface BlockReport {
  readonly source: string;
  readonly kind: "probes" | "jail" | "owner";
  readonly since: string;
  readonly until: string;
  readonly times: number;
  readonly reason: string;
}

interface ProbeReport {
  readonly id: number;
  readonly source: string;
  readonly country: string;
  readonly host: string;
  readonly method: string;
  readonly target: string;
  readonly rule: string;
  readonly outcome: string;
  readonly count: number;
  readonly score: number;
  readonly last_at: string;
}

interface SourceReport {
  readonly source: string;
  readonly score: number;
  readonly trusted: boolean;
  readonly safe: boolean;
  readonly block: BlockReport | null;
  readonly probes: readonly ProbeReport[];
}

interface Statistics {
  readonly hours: number;
  readonly probes: number;
  readonly sources: number;
  readonly blocked: number;
  readonly families: readonly { readonly family: string; readonly probes: number }[];
  readonly rules: readonly { readonly rule: string; readonly probes: number }[];
}

const usualPage = 50;

const list: Command = {
  name: "honeypot list",
  usage: "[--limit N] [--before ID] [--source ADDRESS]",
  summary: "Lists probes, the newest first, and the sources that are refused.",
  options: { limit: { type: "string" }, before: { type: "string" }, source: { type: "string" } },
  words: 0,
  async run(invocation) {
    const query = new URLSearchParams({ limit: String(readOption(invocation, "limit") ?? usualPage) });
    const before = readOption(invocation, "before");
    if (before !== undefined) query.set("before", String(before));
    const source = textOption(invocation, "source");
    if (source !== undefined) query.set("source", source);
    await withOwnersApi(invocation, async (api) => {
      const page = await api.ask<{ probes: ProbeReport[]; next?: number }>(
        "GET",
        `/security/probes?${query.toString()}`,
      );
      const { blocks } = await api.ask<{ blocks: BlockReport[] }>("GET", "/security/blocks");
      answer(invocation, { ...page, blocks }, [
        ...(page.probes.length === 0 ? ["No probes were seen."] : page.probes.map(probeLine)),
        ...(page.next === undefined ? [] : [`More: burrow honeypot list --before ${page.next}`]),
        "",
        ...(blocks.length === 0 ? ["Nobody is refused."] : ["Refused:", ...blocks.map(blockLine)]),
      ]);
    });
    return 0;
  },
};

const show: Command = {
  name: "honeypot show",
  usage: "ADDRESS",
  summary: "Tells what is known of a source: its points, its block, its last probes.",
  words: 1,
  async run(invocation) {
    await withOwnersApi(invocation, async (api) => {
      const path = `/security/sources/${encodeURIComponent(invocation.positionals[0] ?? "")}`;
      const told = await api.ask<SourceReport>("GET", path);
      const { source, score, trusted, safe, block, probes } = told;
      answer(invocation, told, [
        `${source}: ${score} points${trusted ? ", somebody has signed in from there" : ""}${safe ? ", on the safelist" : ""}`,
        block === null ? "It is not refused." : blockLine(block),
        ...probes.map(probeLine),
      ]);
    });
    return 0;
  },
};

const block: Command = {
  name: "honeypot block",
  usage: "ADDRESS [--for 24h] [--reason TEXT]",
  summary: "Refuses a source: one IPv4 address, or the /64 of an IPv6 address.",
  options: { for: { type: "string" }, reason: { type: "string" } },
  words: 1,
  async run(invocation) {
    const seconds = readDuration(textOption(invocation, "for") ?? "24h") / 1000;
    const reason = textOption(invocation, "reason");
    await withOwnersApi(invocation, async (api) => {
      const made = await api.ask<BlockReport>("POST", "/security/blocks", {
        source: invocation.positionals[0] ?? "",
        expires_in_seconds: seconds,
        ...(reason !== undefined && { reason }),
      });
      answer(invocation, made, [blockLine(made)]);
    });
    return 0;
  },
};

const unblock: Command = {
  name: "honeypot unblock",
  usage: "ADDRESS",
  summary: "Lets a source in again, and forgets its points.",
  words: 1,
  async run(invocation) {
    const given = invocation.positionals[0] ?? "";
    await withOwnersApi(invocation, async (api) => {
      await api.ask("DELETE", `/security/blocks/${encodeURIComponent(given)}`);
      answer(invocation, { unblocked: given }, [`${given} is let in again; at the edge within 15 seconds.`]);
    });
    return 0;
  },
};

const stats: Command = {
  name: "honeypot stats",
  usage: "[--hours N]",
  summary: "Counts probes by family and rule.",
  options: { hours: { type: "string" } },
  words: 0,
  async run(invocation) {
    const hours = readOption(invocation, "hours") ?? 24;
    await withOwnersApi(invocation, async (api) => {
      const told = await api.ask<Statistics>("GET", `/security/statistics?hours=${hours}`);
      answer(invocation, told, [
        `${told.probes} probes of ${told.sources} sources in ${told.hours} hours; ${told.blocked} sources are refused.`,
        ...told.families.map(({ family, probes }) => `${String(probes).padStart(7)}  ${family}`),
        ...told.rules.map(({ rule, probes }) => `${String(probes).padStart(7)}    ${rule}`),
      ]);
    });
    return 0;
  },
};

export const honeypotCommands: readonly Command[] = [list, show, block, unblock, stats];

function readOption(invocation: Invocation, name: string): number | undefined {
  const text = textOption(invocation, name);
  return text === undefined ? undefined : readCount(text, `--${name}`);
}

/** Strangers wrote the target: without what a terminal obeys. */
function probeLine({
  id,
  last_at,
  source,
  country,
  rule,
  count,
  outcome,
  method,
  target,
}: ProbeReport): string {
  const when = last_at.slice(0, 16).replace("T", " ");
  return `${String(id).padStart(6)}  ${when}  ${source} ${country}  ${rule}${count > 1 ? ` ×${count}` : ""} ${outcome}  ${JSON.stringify(`${method} ${target}`)}`;
}

function blockLine({ source, kind, until, times, reason }: BlockReport): string {
  const often = times > 1 ? `, the ${times}th time` : "";
  return `  ${source} until ${until.slice(0, 16).replace("T", " ")} UTC (${kind}${often}): ${JSON.stringify(reason)}`;
}
