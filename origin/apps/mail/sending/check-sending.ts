import type { Check } from "../../../app.ts";
import type { Mode } from "../../../config/config.ts";
import type { MailContext } from "../mail-context.ts";
import type { SigningKey } from "../../../config/dkim-key.ts";
import { type Relay, RelayError } from "./relay.ts";
import { checkDns, type MailRecords } from "./check-dns.ts";

/** When what waits is worth a word: after the delay of which its sender is told. */
const lateMs = 4 * 60 * 60_000;

/** Whether mail can leave, what waits, and what the domain's DNS says of it. */
export async function checkSending(options: {
  readonly mail: Pick<MailContext, "config" | "outbox" | "now">;
  readonly relay: Pick<Relay, "check"> | undefined;
  readonly mode: Mode;
  readonly key: () => SigningKey | undefined;
  readonly records?: MailRecords;
}): Promise<Check[]> {
  const { mail, relay, mode, key, records } = options;
  const { config } = mail;
  const signing = readKey(key);
  const queue = checkQueue(mail);
  const dns =
    mode === "production"
      ? await checkDns({
          config,
          key: signing instanceof Error ? undefined : signing,
          ...(records && { records }),
        })
      : [{ name: "DNS", status: "ok" as const, detail: "Skipped: no DNS has a name of development." }];
  return [
    await checkRelay(relay, config.relay?.host),
    queue,
    ...(signing instanceof Error ? [keyMissing(signing)] : []),
    ...dns,
  ];
}

function readKey(key: () => SigningKey | undefined): SigningKey | undefined | Error {
  try {
    return key();
  } catch (error) {
    return error as Error;
  }
}

const keyMissing = ({ message }: Error): Check => ({
  name: "DKIM key",
  status: "failed",
  detail: message,
  why: "Nothing is sent that should be signed and cannot be.",
  mend: 'burrow mail dkim, then restart Burrow; or set mail.dkim_selector to "" and let the relay sign.',
});

/** A real sign-in, as a message would begin with. */
async function checkRelay(relay: Pick<Relay, "check"> | undefined, host: string | undefined): Promise<Check> {
  const name = "relay";
  if (!relay || host === undefined) {
    return {
      name,
      status: "warning",
      detail: "There is none: mail for others waits, mail between members is delivered.",
      why: "What members send to anybody else stays here.",
      mend: "Set mail.relay_host (docs/mail.md, Sending).",
    };
  }
  try {
    await relay.check();
    return { name, status: "ok", detail: `${host} takes mail from here.` };
  } catch (error) {
    const fault = error instanceof RelayError ? error.fault : "unreachable";
    return {
      name,
      status: "failed",
      detail: `${host}: ${error instanceof RelayError ? error.reply : String(error)}`,
      why: "What members send waits. Nothing is lost, and nothing is said in clear text.",
      mend: mends[fault],
    };
  }
}

const mends = {
  auth: "Look at mail.relay_user; give the password anew by: burrow rotate mail-relay-password; restart Burrow.",
  tls: "Look at mail.relay_host (the name in the relay's certificate) and mail.relay_port (465, or 587 with STARTTLS).",
  unreachable: "Look at mail.relay_host and mail.relay_port, and whether this network lets them out.",
  message: "Ask the relay's operator what its answer means.",
} as const;

function checkQueue({ outbox, now }: Pick<MailContext, "outbox" | "now">): Check {
  const name = "queue";
  const { waiting, oldest } = outbox.count();
  if (waiting === 0 || oldest === null) return { name, status: "ok", detail: "Nothing waits." };
  const hours = Math.floor((now() - oldest) / 3_600_000);
  const detail = `${waiting} ${waiting === 1 ? "message waits" : "messages wait"}, the oldest for ${hours} h.`;
  if (now() - oldest < lateMs) return { name, status: "ok", detail };
  return {
    name,
    status: "warning",
    detail,
    why: "It is given up three days after it was sent, and its sender is told.",
    mend: 'See what the relay says of each: "burrow mail queue list".',
  };
}
