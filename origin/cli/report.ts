import { answer, type Command, readCount, textOption } from "./command.ts";
import { withOwnersApi } from "./owners-api.ts";

interface ReportReport {
  readonly id: number;
  readonly kind: "event" | "room" | "user";
  readonly reporter: string;
  readonly room_id: string | null;
  readonly event_id: string | null;
  readonly user_id: string | null;
  readonly reason: string;
  readonly created_at: string;
  readonly resolved_by: string | null;
  readonly note: string | null;
}

const list: Command = {
  name: "report list",
  usage: "[--all]",
  summary: "Lists what members have reported: the open ones, or all.",
  options: { all: { type: "boolean" } },
  words: 0,
  async run(invocation) {
    const state = invocation.options["all"] === true ? "all" : "open";
    await withOwnersApi(invocation, async (api) => {
      const told = await api.ask<{ reports: ReportReport[] }>("GET", `/reports?state=${state}&limit=200`);
      answer(
        invocation,
        told,
        told.reports.length === 0 ? ["There is nothing to deal with."] : told.reports.flatMap(lines),
      );
    });
    return 0;
  },
};

const resolve: Command = {
  name: "report resolve",
  usage: "ID [--note TEXT]",
  summary: "Notes that a report is dealt with, and how.",
  options: { note: { type: "string" } },
  words: 1,
  async run(invocation) {
    const id = readCount(invocation.positionals[0] ?? "", "The report's id");
    const note = textOption(invocation, "note") ?? "";
    await withOwnersApi(invocation, async (api) => {
      const report = await api.ask<ReportReport>("POST", `/reports/${id}/resolve`, { note });
      answer(invocation, report, [`Report ${id} is dealt with.`]);
    });
    return 0;
  },
};

export const reportCommands: readonly Command[] = [list, resolve];

function lines(report: ReportReport): string[] {
  const subject = [report.user_id, report.room_id, report.event_id].filter((part) => part !== null);
  return [
    `${String(report.id).padStart(4)}  ${report.created_at.slice(0, 16).replace("T", " ")} UTC  ${report.reporter} on ${subject.join(" in ")}`,
    // Members write it: on one line, and without what a terminal obeys.
    `      ${JSON.stringify(report.reason)}`,
    ...(report.resolved_by === null ? [] : [`      resolved by ${report.resolved_by}: ${report.note ?? ""}`]),
  ];
}
