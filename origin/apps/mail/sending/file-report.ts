import type { StoredBlob } from "../../../storage/blobs.ts";
import { diskFaultOf } from "../../../storage/disk-fault.ts";
import { CommitError } from "../../../storage/writer.ts";
import type { MailContext } from "../mail-context.ts";
import type { Message } from "../message/message.ts";
import { composeReport, type ReportKind } from "./delivery-report.ts";
import type { Consignment, Outcome } from "./queue-store.ts";

/** Of a report: the text, the replies of at most 100 recipients, and the header of the message. */
const largestReport = 1_000_000;

/**
 * Puts a report into the sender's inbox, in one commit with what it reports. Nobody is told of what was sent by itself,
 * nor where the client asked for silence (RFC 3461 §4.1).
 */
export async function fileReport(
  mail: ReportContext,
  consignment: Consignment,
  kind: ReportKind,
  outcomes: readonly Outcome[],
): Promise<void> {
  const { account, mailFrom } = consignment;
  const told = outcomes.filter(({ addressee }) => wants(addressee.parameters, kind));
  const inbox = account === null ? undefined : mail.mailboxes.byRole(account, "inbox");
  const isTold = account !== null && inbox !== undefined && mailFrom !== "" && told.length > 0;
  const report = isTold ? await write(mail, account, consignment, kind, told) : undefined;
  if (account === null || !inbox || !report) {
    if (kind === "failed")
      await mail.database.write((transaction) => mail.outbox.settle(transaction, consignment, outcomes));
    return;
  }
  const { blob, message } = report;
  await mail.database.write((transaction) => {
    if (kind === "failed") mail.outbox.settle(transaction, consignment, outcomes);
    const receivedAt = mail.now();
    mail.emails.add(transaction, {
      account,
      blob,
      message,
      mailboxes: [inbox.id],
      keywords: [],
      receivedAt,
    });
    mail.outbox.noteReport(transaction, consignment, blob.hash, kind === "delayed");
  });
}

export type ReportContext = Pick<
  MailContext,
  "log" | "blobs" | "config" | "now" | "database" | "uploads" | "reader" | "emails" | "mailboxes" | "outbox"
>;

/** Undefined where it cannot be written, and never can be. Throws where the disk is at fault: later it may be. */
async function write(
  mail: ReportContext,
  account: number,
  consignment: Consignment,
  kind: ReportKind,
  told: readonly Outcome[],
): Promise<{ blob: StoredBlob; message: Message } | undefined> {
  try {
    const about = told.map(({ addressee, reply }) => ({ address: addressee.address, reply }));
    const raw = await composeReport(mail, consignment, kind, about);
    // An upload's row holds the blob until the email does.
    const blob = await mail.uploads.put(account, raw, "message/rfc822", largestReport);
    return { blob, message: await mail.reader.read(mail.blobs.pathOf(blob.hash)) };
  } catch (error) {
    if (error instanceof CommitError || diskFaultOf(error) !== undefined) throw error;
    mail.log.error("mail.report-failed", { id: consignment.id, error });
    return undefined;
  }
}

/** RFC 3461 §4.1: without NOTIFY, of failures and delays both. */
function wants(parameters: string | null, kind: ReportKind): boolean {
  const given = parameters === null ? {} : (JSON.parse(parameters) as Record<string, unknown>);
  const [, value] = Object.entries(given).find(([name]) => name.toUpperCase() === "NOTIFY") ?? [];
  if (typeof value !== "string") return true;
  const wanted = kind === "failed" ? "FAILURE" : "DELAY";
  return value
    .split(",")
    .map((one) => one.trim().toUpperCase())
    .includes(wanted);
}
