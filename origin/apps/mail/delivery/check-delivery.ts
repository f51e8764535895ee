import type { Check } from "../../../app.ts";
import type { MailContext } from "../mail-context.ts";

/** What `doctor` says of the hand-over to a local mail server; nothing where there is none. */
export function checkHandOvers({ handOvers }: Pick<MailContext, "handOvers">): Check[] {
  if (!handOvers) return [];
  const { waiting, failing, error } = handOvers.state();
  const name = "local mail server";
  if (failing === 0)
    return [
      {
        name,
        status: "ok",
        detail: waiting === 0 ? "has everything" : `${waiting} messages are on their way`,
      },
    ];
  return [
    {
      name,
      status: "warning",
      detail: `${failing} of ${waiting} messages that wait were refused. The oldest: ${error ?? ""}`,
      why: "What has arrived lies in the mailboxes here, but programs that read the local server do not see it.",
      mend: "Start the server that mail.lmtp names, and see that it knows every member's name. It is asked again at least once an hour.",
    },
  ];
}
