import type { Check } from "../app.ts";
import { chooseDataFolder } from "../config/data-folder.ts";
import { noteFact } from "../host/facts.ts";
import { answer, type Command, type Invocation, textOption, UsageError } from "./command.ts";
import { factOf, questions } from "./doctor/questions.ts";
import { withHost } from "./open-host.ts";

export const doctor: Command = {
  name: "doctor",
  usage: "[--confirm NAME]",
  summary: "Checks the machine, the data folder and the way through the edge.",
  options: { confirm: { type: "string" } },
  words: 0,
  async run(invocation) {
    const confirmed = textOption(invocation, "confirm");
    if (confirmed !== undefined) return await confirm(invocation, confirmed);
    const dataDir = chooseDataFolder(textOption(invocation, "data"), invocation.environment);
    // Loaded here: every other command would otherwise wait for it.
    const { runChecks } = await import("./doctor/run-checks.ts");
    const checks = await runChecks(dataDir, invocation.environment);
    const passed = checks.every((check) => check.status !== "failed");
    const conclusion = passed ? "Nothing failed." : "Something failed: see above.";
    answer(invocation, { checks, ok: passed }, [...checks.flatMap(lines), "", conclusion]);
    return passed ? 0 : 1;
  },
};

/** Remembers that the owner has looked at what no program can see. */
async function confirm(invocation: Invocation, name: string): Promise<number> {
  if (!Object.hasOwn(questions, name)) {
    throw new UsageError(
      `There is nothing to confirm by the name "${name}". There is: ${Object.keys(questions).join(", ")}.`,
    );
  }
  await withHost(invocation, async (database) => {
    const notedAt = Date.now();
    await noteFact(database, factOf(name), { value: "yes", notedAt });
    answer(invocation, { name, confirmed_at: new Date(notedAt).toISOString() }, [
      `Noted. Doctor asks for ${name} again in a year.`,
    ]);
  });
  return 0;
}

const indent = " ".repeat(28);

function lines({ status, name, detail, why, mend }: Check): string[] {
  return [
    `${status.padEnd(7)}  ${name.padEnd(17)}  ${detail}`,
    ...(why === undefined ? [] : [`${indent}Why: ${why}`]),
    ...(mend === undefined ? [] : [`${indent}Mend: ${mend}`]),
  ];
}
