import type { Check } from "../../../app.ts";
import type { MailContext } from "../mail-context.ts";
import type { Arriving } from "./arriving.ts";
import { backlogLimits, backlogOf } from "./judge-arriving.ts";

/** The lines of `doctor` on what arrives. */
export async function checkArriving({ now }: Pick<MailContext, "now">, arriving: Arriving): Promise<Check[]> {
  if (!arriving.state().isOn) return [notSetUp(), ...checkQuarantine(arriving)];
  await arriving.looked();
  return [checkBucket(arriving), checkBacklog(arriving, now()), ...checkQuarantine(arriving)];
}

function notSetUp(): Check {
  return {
    name: "bucket",
    status: "warning",
    detail: "mail.bucket_url is not set: nothing is fetched.",
    why: "What is sent to this server stays in the bucket, and in no mailbox.",
    mend: "Set it as docs/mail.md tells; or turn mail off: burrow config set mail.enabled false",
  };
}

function checkBucket(arriving: Arriving): Check {
  const { failing, last } = arriving.state();
  if (!failing) {
    const { strays = 0 } = last?.report ?? {};
    const beside = strays > 0 ? ` ${strays} objects in it are not mail; they are left alone.` : "";
    return { name: "bucket", status: "ok", detail: `It answers.${beside}` };
  }
  return {
    name: "bucket",
    status: "failed",
    detail: failing.error.message,
    why: "Mail stays in the bucket until it can be fetched.",
    mend: "burrow rotate mail-bucket-secret, or burrow config set mail.bucket_url URL; then restart Burrow.",
  };
}

function checkBacklog(arriving: Arriving, time: number): Check {
  const { messages, oldest } = backlogOf(arriving.state(), arriving.arrivals);
  const since = oldest === null ? "" : `, the oldest since ${new Date(oldest).toISOString()}`;
  const detail = messages === 0 ? "Nothing waits." : `${messages} messages wait${since}.`;
  const isLong =
    messages > backlogLimits.messages || (oldest !== null && time - oldest > backlogLimits.ageMs);
  if (!isLong) return { name: "backlog", status: "ok", detail };
  return {
    name: "backlog",
    status: "failed",
    detail,
    why: "Mail has arrived that nobody can read, and a bucket may delete what is old.",
    mend: "burrow mail drain --once, and see what it says.",
  };
}

function checkQuarantine({ arrivals }: Arriving): Check[] {
  const { quarantined } = arrivals.counts();
  if (quarantined === 0) return [];
  return [
    {
      name: "quarantine",
      status: "warning",
      detail: `${quarantined} messages could not be put into a mailbox. They are kept as they came.`,
      why: "Nobody has read them.",
      mend: "burrow mail quarantine list",
    },
  ];
}
