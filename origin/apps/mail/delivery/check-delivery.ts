import type { Check } from "../../../app.ts";
import type { MailContext } from "../mail-context.ts";
import type { Resolve } from "./dns-lookup.ts";

/** What `doctor` says of the check of senders, which asks name servers. */
export async function checkNames(resolve: Resolve, domain: string): Promise<Check> {
  const name = "sender check";
  try {
    await resolve(`_dmarc.${domain}`, "TXT");
  } catch (error) {
    const { code = "" } = error as { code?: string };
    if (code !== "ENOTFOUND" && code !== "ENODATA") {
      return {
        name,
        status: "warning",
        detail: `The name servers of this machine do not answer (${code}).`,
        why: "Nobody can tell whether mail comes from whom it says: forged letters get into the Inbox.",
        mend: "See that this machine has name servers (in /etc/resolv.conf, on Termux in $PREFIX/etc/resolv.conf) and can reach them.",
      };
    }
  }
  return { name, status: "ok", detail: "Name servers answer." };
}

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
        detail: waiting === 0 ? "It has everything." : `${waiting} messages are on their way.`,
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
