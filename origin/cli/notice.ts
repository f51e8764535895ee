import { answer, type Command, textOption, UsageError } from "./command.ts";
import { withOwnersApi } from "./owners-api.ts";

export const noticeSend: Command = {
  name: "notice send",
  usage: "TEXT --to NAME[,NAME]|--all [--no-wait]",
  summary: "Tells members something in the server's own room with them.",
  options: { to: { type: "string" }, all: { type: "boolean" }, "no-wait": { type: "boolean" } },
  words: 1,
  async run(invocation) {
    const to = textOption(invocation, "to");
    if ((to === undefined) !== (invocation.options["all"] === true)) {
      throw new UsageError("Say whom it is for: --to NAME (or several, with commas), or --all.");
    }
    const members = to?.split(",").map((name) => name.trim());
    const text = invocation.positionals[0] ?? "";
    await withOwnersApi(invocation, async (api) => {
      const { job, waited } = await api.runJob("POST", "/notices", {
        text,
        ...(members && { members }),
      });
      answer(invocation, { job }, [
        waited
          ? `${job.done} ${job.done === 1 ? "member has" : "members have"} the notice.`
          : `It is being sent: job ${job.id}.`,
      ]);
    });
    return 0;
  },
};
